//! Codes of: servers. One row each; see the parent for the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    HOST_UNKNOWN = 3001, Error,
        "the host's name cannot be resolved",
        "The name server of this machine knows no such host. A mistyped name is the usual reason; a private endpoint \
         (a VPC, a VPN) can be resolved only from inside. Check `host` of the block, or run from a machine of that \
         network.";
    PORT_CLOSED = 3002, Error,
        "the port is closed",
        "The host answered that nothing listens on this port. The server is down, listens on another port, or only for \
         its own machine (`bind-address = 127.0.0.1`). Check `port` of the block and the server's own settings.";
    TIMEOUT = 3003, Error,
        "no answer in time",
        "Nothing came back: packets are dropped on the way. A security group, a firewall or a missing route does that. \
         The limit holds for connection, TLS and log-in together, so a server that is stuck looks the same.";
    NO_TLS = 3004, Error,
        "the server offers no TLS",
        "The block asks for an encrypted connection, as it does when it says nothing, and the server cannot do it. \
         Passwords and rows would travel readable, so mig does not fall back by itself. Switch TLS on at the server, \
         or write `tls { mode = \"disabled\" }` where the line is private.";
    LOGIN_CUT_SHORT = 3005, Error,
        "the log-in was cut short",
        "The other end closed the line, sent what is no MySQL protocol, or answered an error without a code of its own \
         here. A proxy without a living server behind it, a server that starts or stops, or a port of another program \
         are the usual reasons. The server's error log tells more.";
    ACCESS_DENIED = 3006, Error,
        "user or password is wrong",
        "The server knows the user by name and by the machine it comes from: the right password from the wrong machine \
         is refused with the same words. A user that must use TLS is refused so on a plain connection, too. A password \
         goes into a variable with `sensitive = true`, never into the text of the spec.";
    PRIVILEGE_MISSING = 3007, Error,
        "a privilege is missing",
        "The user is logged in and may not do this. The privileges gate of `mig plan` lists what is needed as GRANT \
         lines that can be pasted; hand them to whoever administers the server.";
    TOO_MANY_CONNECTIONS = 3008, Error,
        "too many connections",
        "The server, or this user's account, is at its limit of connections. Wait until others have ended, raise the \
         limit, or lower `max_threads` of the source and `threads` of dump, load and verify.";
    TLS_REQUIRED = 3009, Error,
        "the server demands TLS",
        "The server takes encrypted connections only (`require_secure_transport`), and the block switched TLS off. Take \
         `mode = \"disabled\"` out: the default verifies the server's identity.";
    NO_TRUST_ROOTS = 3010, Error,
        "no roots of trust",
        "To verify a certificate one has to know an authority. It comes from `ca_file`, a PEM file beside the spec, or \
         from the system's store (the package ca-certificates). The file was not readable or held no certificate.";
    HOST_NOT_ALLOWED = 3011, Error,
        "this machine is not let in",
        "The server refuses the address that the connection comes from, whoever logs in: no user exists for it, or the \
         server blocked it after many broken connections (FLUSH HOSTS lifts that).";
    ACCOUNT_LOCKED = 3012, Error,
        "the account is locked or its password has run out",
        "User and password may be right, but the account cannot be used before somebody unlocks it or renews the \
         password at the server.";
    AUTH_METHOD = 3013, Error,
        "the way of logging in is not known or not safe",
        "The user's authentication plugin is one that mig does not speak, or one that would show the password to anybody \
         on the line. caching_sha2_password, mysql_native_password and ed25519 are spoken.";
    SESSION_SETUP = 3014, Error,
        "a session could not be set up",
        "Every session is set up before it does anything: time_zone, sql_mode, isolation level, names, time-outs, and for \
         loads foreign_key_checks and the variables of `load.session`. The server refused one. A variable that a server \
         does not have is left out by itself, unless `load.session` names it.";
    BINLOG_GONE = 3015, Gate,
        "the binlog is gone",
        "To prove that nobody wrote, the binlog is read from the position of the run's begin. The server has thrown that \
         file away (binlog_expire_logs_seconds), or was reset. Without it the proof cannot be made.";
    SERVER_GONE = 3020, Error,
        "the server went away",
        "The connection broke while a statement ran: the server was restarted, the session killed, or the line cut. What \
         was committed stays; what was not is gone. Run the command again: it goes on from what is durable.";
    STATEMENT_REFUSED = 3021, Error,
        "the server refused a statement",
        "The server answered an error that mig has no better words for. Its number and text are in the message; the \
         server's documentation explains the number.";
    SERVER_READ_ONLY = 3022, Gate,
        "the server takes no writes",
        "The server is read-only: a replica, a reader endpoint, or one that somebody set so. Point the target at the \
         writer.";
    SERVER_BUSY = 3023, Error,
        "the server was busy",
        "A deadlock, a lock wait, a write conflict or a region that moved: the same work may succeed when it is done \
         again. mig does so by itself a few times; where this is shown, it gave up. Run the command again.";
    UNTRUSTED_AUTHORITY = 3030, Error,
        "the certificate's authority is not trusted",
        "The server's certificate is signed by an authority that is neither in the system's store nor in `ca_file`. \
         Servers that made their own certificate have their own authority: for MySQL it is `ca.pem` in the data folder. \
         Copy that file and name it in `tls { ca_file = \"…\" }`.";
    CERTIFICATE_OF_OTHER_HOST = 3031, Error,
        "the certificate is another host's",
        "The authority is trusted, but the certificate does not name the host that the spec names. Use the name in the \
         certificate; where it names none (MySQL's self-made ones), `mode = \"verify_ca\"` checks the authority only.";
    CERTIFICATE_NOT_VALID_NOW = 3032, Error,
        "the certificate is not valid today",
        "The certificate has run out, or is not valid yet. Renew it at the server; a wrong clock of this machine looks \
         the same.";
    TLS_FAILED = 3033, Error,
        "TLS could not be agreed on",
        "Server and mig found no common ground: mig speaks TLS 1.2 and 1.3 with certificates of version 3. Old servers \
         speak TLS 1.0 only, or have a certificate of version 1.";
    OTHER_SERVER_THAN_RECORDED = 3040, Stale,
        "another server answers than the one in the state",
        "The server at this address is not the one of the earlier runs. Nothing was changed or \
         removed there. Point the block back at it, or begin a new state with another `path`. A TiDB is known by the ledger that mig made there: \
         where that was dropped, `mig state rm` the target and the migrations into it, drop what they moved, and apply anew.";
}
