//! Log-ins by IAM: the tokens of one user at one server, signed by anyone who's credentials the cloud has. A token is made
//! for each log-in; it is of use for 15 minutes, so none is kept.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::formats::spec::model::Server;
use crate::seams::cloud::Cloud;
use crate::seams::sql::Tokens;
use crate::steps::observe::cloud::ask;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use crate::words::secret::Secret;

/// See the module. RDS takes a token only at the endpoint that it was made out for.
pub struct LoginTokens {
    cloud: Outcome<Arc<dyn Cloud>>,
    host: String,
    port: u16,
    username: String,
}

impl LoginTokens {
    /// `None`: the server is not one that is logged in to by IAM. `cloud`: who signs, or why nobody can.
    pub fn of(server: &Server, cloud: Option<&Outcome<Arc<dyn Cloud>>>) -> Option<Arc<dyn Tokens>> {
        server.aurora.as_ref().filter(|aurora| aurora.iam_auth)?;
        let nobody = || {
            Failure::new(
                codes::CLOUD_UNKNOWN,
                format!("log in to {} by IAM", server.host),
                "no credentials were looked for",
                "Add provider \"aws\" to the spec.",
            )
        };
        Some(Arc::new(Self {
            cloud: cloud.cloned().unwrap_or_else(|| Err(nobody())),
            host: server.host.clone(),
            port: server.port,
            username: server.username.clone(),
        }))
    }
}

impl Tokens for LoginTokens {
    fn token(&self) -> BoxFuture<'_, Outcome<Secret>> {
        async move {
            let cloud = self.cloud.clone()?;
            let doing = format!("sign a log-in of {} to {}:{}", self.username, self.host, self.port);
            ask(cloud.as_ref(), &doing, cloud.login_token(&self.host, self.port, &self.username)).await
        }
        .boxed()
    }
}
