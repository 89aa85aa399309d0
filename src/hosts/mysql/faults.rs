//! The driver's errors as mig's: a [`Fault`] of a statement, a [`Failure`] of a connection with a code and a hint.
//! Texts come from servers and from here; no password and no packet ever stands in one.

use std::fmt;
use std::io;
use std::time::Duration;

use mysql_async::{DriverError, Error, IoError};

use crate::formats::spec::model::{self, TlsMode};
use crate::seams::sql::Fault;
use crate::words::codes::{self, Code};
use crate::words::error::Failure;

use super::identity::Elsewhere;

/// Errors of a server that come with the end of the connection (MySQL: 1053 shutdown, 1158-1161 network, 1184, 1927
/// killed, 4031 idle too long; 3169 session killed).
pub(super) const LAST_WORDS: [u16; 9] = [1053, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031];

pub(super) fn fault_of(error: Error) -> Fault {
    match error {
        Error::Server(error) => {
            Fault { number: Some(error.code), lost: LAST_WORDS.contains(&error.code), message: error.message }
        }
        Error::Io(IoError::Io(error)) => Fault::line(line_text(&error)),
        // The texts of these hold no packet and no value: those stand in their Debug form only.
        other => Fault::line(other.to_string()),
    }
}

pub(super) fn line_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".into(),
        _ => error.to_string(),
    }
}

/// The server as messages name it, with what a hint has to know.
pub(super) struct Place {
    host: String,
    port: u16,
    username: String,
    block: String,
    has_password: bool,
    by_token: bool,
    tls: TlsMode,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Place {
    pub(super) fn of(config: &model::Server, by_token: bool) -> Self {
        Self {
            host: config.host.clone(),
            port: config.port,
            username: config.username.clone(),
            block: format!("{}.{}", config.label, config.name),
            has_password: config.password.is_some(),
            by_token,
            tls: config.tls.mode,
        }
    }

    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            host: "db.example".into(),
            port: 3306,
            username: "mover".into(),
            block: "mysql.shop".into(),
            has_password: true,
            by_token: false,
            tls: TlsMode::VerifyIdentity,
        }
    }

    fn failure(&self, code: Code, cause: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::new(code, format!("connect to {self}"), cause, hint)
    }

    pub(super) fn timed_out(&self, limit: Duration) -> Failure {
        self.failure(
            codes::TIMEOUT,
            format!("no answer within {} s", limit.as_secs()),
            format!(
                "Look whether a firewall, security group or route between here and {} lets port {} through.",
                self.host, self.port
            ),
        )
        .retryable()
    }

    pub(super) fn setup_failure(&self, fault: &Fault) -> Failure {
        if fault.lost {
            return fault.told(format!("set up a session with {self}"));
        }
        fault.failure(
            codes::SESSION_SETUP,
            format!("set up a session with {self}"),
            format!(
                "The server refuses a session variable that mig needs; `mig explain {}` lists them.",
                codes::SESSION_SETUP
            ),
        )
    }

    /// A session that reached another server than the run's.
    pub(super) fn elsewhere(&self, to: &Elsewhere) -> Failure {
        self.failure(
            codes::OTHER_SERVER_ANSWERED,
            format!("another server answered: the run is with {}, this connection reached {}", to.expected, to.reached),
            format!(
                "Name one server in {}, the writer, not an address that leads to several; then run the command again.",
                self.block
            ),
        )
    }

    pub(super) fn binlog_failure(&self, fault: &Fault) -> Failure {
        let doing = format!("read the binlog of {self}");
        match fault.number {
            // MySQL answers 1045 to a replica that may not be one.
            Some(1045 | 1227) => fault.failure(
                codes::PRIVILEGE_MISSING,
                doing,
                format!("Grant it: GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{}';", self.username),
            ),
            Some(1236) => fault.failure(
                codes::BINLOG_GONE,
                doing,
                "The part of the binlog that would prove it is gone: raise binlog_expire_logs_seconds, or plan a new run.",
            ),
            _ => fault.told(doing),
        }
    }

    /// Why no connection came to be.
    pub(super) async fn connect_failure(&self, error: Error) -> Failure {
        match error {
            Error::Server(error) => self.refusal(error.code, &error.message),
            Error::Io(IoError::Io(error)) => self.line_failure(&error).await,
            Error::Io(IoError::Tls(error)) => self.tls_failure(&error.to_string()),
            Error::Driver(DriverError::NoClientSslFlagFromServer) => self.failure(
                codes::NO_TLS,
                "the server offers no TLS",
                format!(
                    "Switch TLS on at the server; or, where the line is private, write tls {{ mode = \"disabled\" }} in {}.",
                    self.block
                ),
            ),
            Error::Driver(DriverError::UnknownAuthPlugin { name }) => self.failure(
                codes::AUTH_METHOD,
                format!("the user {:?} logs in by {name:?}, which mig does not speak", self.username),
                "Give the user a plugin out of caching_sha2_password, mysql_native_password and ed25519.",
            ),
            Error::Driver(DriverError::CleartextPluginDisabled | DriverError::MysqlOldPasswordDisabled) => self.failure(
                codes::AUTH_METHOD,
                "the server asks for the password in a form that anybody on the line could read",
                "Give the user the plugin caching_sha2_password.",
            ),
            other => self.failure(
                codes::LOGIN_CUT_SHORT,
                format!("the other end does not speak MySQL's protocol: {other}"),
                format!("Look whether port {} of {} is a MySQL-compatible server's.", self.port, self.host),
            ),
        }
    }

    fn refusal(&self, code: u16, message: &str) -> Failure {
        let cause = format!("the server answered error {code}: {message}");
        match code {
            1045 | 1698 => self.failure(
                codes::ACCESS_DENIED,
                cause,
                if self.by_token {
                    format!(
                        "Let {} log in by IAM: a user IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS', the right \
                         rds-db:connect for the credentials of this machine (`mig explain iam-policy`), and {} the \
                         cluster's own endpoint.",
                        self.username, self.host
                    )
                } else if !self.has_password {
                    format!("{} has no password: give it one by a sensitive variable.", self.block)
                } else if self.tls == TlsMode::Disabled {
                    format!(
                        "Check username and password of {}, and whether this user must use TLS (REQUIRE SSL).",
                        self.block
                    )
                } else {
                    format!(
                        "Check username and password of {}, and whether this user may log in from this machine.",
                        self.block
                    )
                },
            ),
            1044 | 1142 | 1227 => self.failure(
                codes::PRIVILEGE_MISSING,
                cause,
                "Grant what the privileges gate of `mig plan` lists to the user, then run the command again.",
            ),
            1040 | 1203 | 1226 => self
                .failure(
                    codes::TOO_MANY_CONNECTIONS,
                    cause,
                    "Wait until others have ended, raise the server's limit, or lower max_threads and the threads of dump, load and verify.",
                )
                .retryable(),
            3159 => self.failure(
                codes::TLS_REQUIRED,
                cause,
                format!("The server takes encrypted connections only: take tls {{ mode = \"disabled\" }} out of {}.", self.block),
            ),
            1129 | 1130 => self.failure(
                codes::HOST_NOT_ALLOWED,
                cause,
                "Let this machine in: a user for its address, or FLUSH HOSTS where the server blocked it after errors.",
            ),
            1820 | 1862 | 3118 | 4151 => self.failure(
                codes::ACCOUNT_LOCKED,
                cause,
                "Unlock the account or renew its password at the server, then run the command again.",
            ),
            1053 | 1077 | 1079 => self.failure(codes::LOGIN_CUT_SHORT, cause, "The server is going down or coming up; run the command again.").retryable(),
            _ => self.failure(codes::LOGIN_CUT_SHORT, cause, "Read the server's answer; its error log tells more."),
        }
    }

    async fn line_failure(&self, error: &io::Error) -> Failure {
        use io::ErrorKind as Kind;
        // The TLS library's errors come wrapped in one of these.
        if error.get_ref().is_some() && error.kind() == Kind::InvalidData {
            return self.tls_failure(&error.to_string());
        }
        match error.kind() {
            Kind::ConnectionRefused => self.failure(
                codes::PORT_CLOSED,
                "the connection was refused",
                format!("Look whether the server runs, and listens on port {} for others than itself.", self.port),
            ),
            Kind::TimedOut => self.timed_out(super::CONNECT_TIME),
            Kind::HostUnreachable | Kind::NetworkUnreachable => self.failure(
                codes::TIMEOUT,
                line_text(error),
                "Look at the route, VPN or peering between this machine and the server.",
            ),
            Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe => self
                .failure(
                    codes::LOGIN_CUT_SHORT,
                    "the server closed the connection during the log-in",
                    "The server's error log tells why; a proxy or load balancer without a living server behind it does this, too.",
                )
                .retryable(),
            _ => match tokio::net::lookup_host((self.host.as_str(), self.port)).await {
                Err(_) => self.failure(
                    codes::HOST_UNKNOWN,
                    format!("the name {:?} cannot be resolved", self.host),
                    format!("Check host of {}; a private name is known only inside of its network.", self.block),
                ),
                Ok(_) => self.failure(
                    codes::LOGIN_CUT_SHORT,
                    line_text(error),
                    format!("Look whether port {} of {} is a MySQL-compatible server's.", self.port, self.host),
                ),
            },
        }
    }

    fn tls_failure(&self, text: &str) -> Failure {
        let cause = format!("TLS failed: {text}");
        let has = |part: &str| text.contains(part);
        if has("not valid for name") || has("NotValidForName") {
            return self.failure(
                codes::CERTIFICATE_OF_OTHER_HOST,
                cause,
                format!(
                    "Name the server in {} as its certificate does, or write tls {{ mode = \"verify_ca\" }} to check the authority only.",
                    self.block
                ),
            );
        }
        if has("UnknownIssuer") || has("unknown issuer") || has("CaUsedAsEndEntity") || has("BadSignature") {
            return self.failure(
                codes::UNTRUSTED_AUTHORITY,
                cause,
                format!(
                    "Name the PEM file of the authority that signed it: tls {{ ca_file = \"…\" }} in {}.",
                    self.block
                ),
            );
        }
        if has("Expired") || has("expired") || has("NotValidYet") {
            return self.failure(
                codes::CERTIFICATE_NOT_VALID_NOW,
                cause,
                "Renew the server's certificate, and look at this machine's clock.",
            );
        }
        self.failure(
            codes::TLS_FAILED,
            cause,
            "TLS 1.2 or 1.3 and a certificate of version 3 are needed; look at the server's tls_version and certificate.",
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_answers_to_a_log_in_has_a_code_of_its_own() {
        for (number, code) in [
            (1045, "MIG3006"),
            (1698, "MIG3006"),
            (1044, "MIG3007"),
            (1040, "MIG3008"),
            (3159, "MIG3009"),
            (1130, "MIG3011"),
            (3118, "MIG3012"),
            (1105, "MIG3005"),
        ] {
            let failure = Place::sample().refusal(number, "no");
            assert_eq!(failure.code, code, "{number}");
            assert!(code.parse::<Code>().unwrap().row().is_some(), "{code} is in the table");
        }
    }

    #[test]
    fn what_tls_fails_by_has_a_code_of_its_own() {
        for (text, code) in [
            ("invalid peer certificate: UnknownIssuer", "MIG3030"),
            (
                "invalid peer certificate: certificate not valid for name \"db\"; certificate is not valid for any names",
                "MIG3031",
            ),
            ("invalid peer certificate: certificate expired: verification time 1", "MIG3032"),
            ("received fatal alert: ProtocolVersion", "MIG3033"),
        ] {
            assert_eq!(Place::sample().tls_failure(text).code, code, "{text}");
            assert!(code.parse::<Code>().unwrap().row().is_some(), "{code} is in the table");
        }
    }
}
