//! Codes for servers. One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    HOST_UNKNOWN = 3001, Error,
        "the host name cannot be resolved",
        "The name server of this machine does not know the host. The usual reason is a mistyped name. A private \
         endpoint (a VPC, a VPN) can be resolved only from inside. Check `host` of the block, or run mig from a \
         machine of that network.";
    PORT_CLOSED = 3002, Error,
        "the port is closed",
        "The host answered that nothing listens on this port. The server is down, listens on another port, or listens \
         only for its own machine (`bind-address = 127.0.0.1`). Check `port` of the block and the settings of the \
         server.";
    TIMEOUT = 3003, Error,
        "no answer in time",
        "Nothing came back: packets are dropped on the way. A security group, a firewall or a missing route does that. \
         The limit is for connection, TLS and login together, so a server that hangs looks the same.";
    NO_TLS = 3004, Error,
        "the server offers no TLS",
        "The block asks for an encrypted connection, which is the default, and the server does not offer one. \
         Passwords and rows would be readable on the way, so mig does not fall back by itself. Switch TLS on at the \
         server, or write `tls { mode = \"disabled\" }` where the connection is private.";
    LOGIN_CUT_SHORT = 3005, Error,
        "the login was not completed",
        "The other end closed the connection, sent something that is not the MySQL protocol, or answered with an error \
         that has no code of its own here. The usual reasons are a proxy without a running server behind it, a server \
         that starts or stops, or a port of another program. The server's error log says more.";
    ACCESS_DENIED = 3006, Error,
        "the user or the password is wrong",
        "The server knows a user by its name and by the machine that it connects from: the right password from the \
         wrong machine is refused with the same words. A user that must use TLS is refused like this on an unencrypted \
         connection, too. Put a password into a variable with `sensitive = true`, never into the text of the spec.";
    PRIVILEGE_MISSING = 3007, Error,
        "a privilege is missing",
        "The user is logged in, but is not allowed to do this. The privileges gate of `mig plan` lists what is needed, \
         as GRANT lines that you can paste. Give them to the administrator of the server.";
    TOO_MANY_CONNECTIONS = 3008, Error,
        "too many connections",
        "The server, or this user's account, is at its limit of connections. Wait until others have ended, raise the \
         limit, or lower `max_threads` of the source and `threads` of dump, load and verify.";
    TLS_REQUIRED = 3009, Error,
        "the server requires TLS",
        "The server accepts encrypted connections only (`require_secure_transport`), and the block switched TLS off. \
         Remove `mode = \"disabled\"`: the default verifies the server's identity.";
    NO_TRUST_ROOTS = 3010, Error,
        "no trusted authority is known",
        "To verify a certificate, mig needs the certificate of an authority. It comes from `ca_file`, a PEM file \
         beside the spec, or from the system's store (the package ca-certificates). The file was not readable or had \
         no certificate in it.";
    HOST_NOT_ALLOWED = 3011, Error,
        "the server does not let this machine in",
        "The server refuses the address that the connection comes from, for every user: there is no user for this \
         address, or the server blocked it after many broken connections (FLUSH HOSTS removes the block).";
    ACCOUNT_LOCKED = 3012, Error,
        "the account is locked or its password has expired",
        "The user and the password may be right, but the account cannot be used. First unlock it, or renew the \
         password at the server.";
    AUTH_METHOD = 3013, Error,
        "the login method is not supported or not safe",
        "The user's authentication plugin is one that mig does not support, or one that would show the password to \
         anyone who reads the connection. mig supports caching_sha2_password, mysql_native_password and ed25519. Give \
         the user one of these.";
    SESSION_SETUP = 3014, Error,
        "a session could not be set up",
        "mig sets up every session before the session does anything: names, time_zone, sql_mode, autocommit, \
         isolation level, time-outs and lock waits, limits of rows and texts, how information_schema and SHOW CREATE \
         answer, and whether it may write; for loads also foreign_key_checks, unique_checks, transaction mode and the \
         variables of `load.session`. The server refused one. mig \
         leaves out a variable that a server does not have, unless `load.session` names it.";
    BINLOG_GONE = 3015, Gate,
        "the binlog is gone",
        "To prove that nothing was written, mig reads the binlog from the position at which the run began. The server \
         has removed that file (binlog_expire_logs_seconds), or its binlog was reset. Without it the proof cannot be \
         made. Let the server keep its binlog longer, or plan a new run.";
    SERVER_GONE = 3020, Error,
        "the server went away",
        "The connection broke while a statement ran: the server was restarted, the session was killed, or the network \
         connection was cut. What was committed stays; what was not committed is gone. Run the command again: it \
         continues from what is durable.";
    STATEMENT_REFUSED = 3021, Error,
        "the server refused a statement",
        "The server answered with an error for which mig has no better words. Its number and text are in the message. \
         The server's documentation explains the number.";
    SERVER_READ_ONLY = 3022, Gate,
        "the server accepts no writes",
        "The server is read-only: a replica, a reader endpoint, or a server that was set to read-only. Let the target \
         name the writer.";
    SERVER_BUSY = 3023, Error,
        "the server was busy",
        "A deadlock, a lock wait, a write conflict or a region that moved: the same work may succeed when it is done \
         again. mig tries again by itself a few times. Where you see this code, it gave up. Run the command again.";
    UNTRUSTED_AUTHORITY = 3030, Error,
        "the certificate's authority is not trusted",
        "The server's certificate is signed by an authority that is neither in the system's store nor in `ca_file`. A \
         server that made its own certificate has its own authority: for MySQL it is `ca.pem` in the data folder. Copy \
         that file and name it in `tls { ca_file = \"…\" }`.";
    CERTIFICATE_OF_OTHER_HOST = 3031, Error,
        "the certificate is for another host",
        "The authority is trusted, but the certificate does not name the host that the spec names. Use the name in the \
         certificate. Where it names none (certificates that MySQL made itself), `mode = \"verify_ca\"` checks the \
         authority only.";
    CERTIFICATE_NOT_VALID_NOW = 3032, Error,
        "the certificate is not valid today",
        "The certificate has expired, or is not valid yet. Renew it at the server. A wrong clock of this machine looks \
         the same.";
    TLS_FAILED = 3033, Error,
        "server and client could not agree on TLS",
        "The server and mig have no version of TLS or of certificates in common: mig supports TLS 1.2 and 1.3 with \
         certificates of version 3. Old servers support TLS 1.0 only, or have a certificate of version 1.";
    OTHER_SERVER_THAN_RECORDED = 3040, Stale,
        "another server answers than the one in the state",
        "The server at this address is not the one of the earlier runs. Nothing was changed or removed there. Point \
         the block back at that server, or begin a new state with another `path` or `key`. mig knows a TiDB by the ledger that \
         it created there. If that ledger was dropped, run `mig state rm` for the target and for the migrations into \
         it, drop what they moved, and apply again.";
}
