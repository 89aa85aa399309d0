//! Logging in through the driver: whom to ask, by which options, and with a password that stands or one that is made for
//! each log-in. Knows nothing of what the session is for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mysql_async::{Conn, Opts, OptsBuilder};

use super::faults::Place;
use super::identity::Identity;
use super::{KEEPALIVE, PACKET_BYTES, tls};
use crate::formats::spec::model;
use crate::seams::sql::Tokens;
use crate::words::error::Outcome;

/// How sessions with one server come to be.
pub(super) struct Login {
    pub place: Place,
    /// Which server answered the sessions so far.
    pub identity: Identity,
    strict: Opts,
    /// For `verify_ca`: the same, with the name that the certificate was made for left unchecked.
    any_name: Option<Opts>,
    /// Whether `strict` was seen to fail by the name alone.
    name_differs: AtomicBool,
    /// In the place of a password.
    tokens: Option<Arc<dyn Tokens>>,
}

impl Login {
    /// # Errors
    /// Where the block's `ca_file` cannot be read or holds no certificate.
    pub fn of(config: &model::Server, spec_dir: &Path, tokens: Option<Arc<dyn Tokens>>) -> Outcome<Self> {
        let place = Place::of(config, tokens.is_some());
        let ssl = tls::options(&config.tls, spec_dir, &place)?;
        let builder = OptsBuilder::default()
            .ip_or_hostname(config.host.clone())
            .tcp_port(config.port)
            .user(Some(config.username.clone()))
            .pass(config.password.as_ref().map(|secret| secret.reveal().to_owned()))
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true)
            .prefer_socket(false)
            .stmt_cache_size(0)
            // A token is sent as it is, and only ever over TLS: without it, the server gets none.
            .enable_cleartext_plugin(tokens.is_some() && ssl.is_some())
            // Both are set so that the driver does not ask the server for them at each connection.
            .max_allowed_packet(Some(PACKET_BYTES))
            .wait_timeout(Some(0));
        let strict = Opts::from(builder.clone().ssl_opts(ssl.clone()));
        let any_name = tls::any_name(&config.tls, ssl).map(|ssl| Opts::from(builder.ssl_opts(Some(ssl))));
        Ok(Self {
            place,
            identity: Identity::default(),
            strict,
            any_name,
            name_differs: AtomicBool::new(false),
            tokens,
        })
    }

    /// A connection that is logged in and not set up yet.
    pub async fn conn(&self) -> Outcome<Conn> {
        let error = match Conn::new(self.opts().await?).await {
            Ok(conn) => return Ok(conn),
            Err(error) => error,
        };
        let error = match &self.any_name {
            Some(any_name) if tls::fails_by_name(&error) => match Conn::new(self.with_token(any_name).await?).await {
                Ok(conn) => {
                    self.name_differs.store(true, Ordering::Relaxed);
                    return Ok(conn);
                }
                Err(error) => error,
            },
            _ => error,
        };
        Err(self.place.connect_failure(error).await)
    }

    /// The same, to the server that the other sessions are with.
    ///
    /// # Errors
    /// Where another one answers, too.
    pub async fn conn_to_the_same(&self) -> Outcome<Conn> {
        let mut conn = self.conn().await?;
        match self.identity.check_driver(&mut conn).await {
            Ok(Ok(())) => Ok(conn),
            Ok(Err(elsewhere)) => Err(self.place.elsewhere(&elsewhere)),
            Err(fault) => Err(self.place.setup_failure(&fault)),
        }
    }

    /// The driver's options for the next log-in.
    ///
    /// # Errors
    /// Where no token can be made.
    pub async fn opts(&self) -> Outcome<Opts> {
        match &self.any_name {
            Some(any_name) if self.name_differs.load(Ordering::Relaxed) => self.with_token(any_name).await,
            _ => self.with_token(&self.strict).await,
        }
    }

    async fn with_token(&self, opts: &Opts) -> Outcome<Opts> {
        let Some(tokens) = &self.tokens else { return Ok(opts.clone()) };
        let token = tokens.token().await?;
        Ok(OptsBuilder::from_opts(opts.clone()).pass(Some(token.reveal())).into())
    }
}
