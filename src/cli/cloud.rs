//! The account of `provider "aws"`: how it is asked, where its clusters are, what their passwords are. A spec without a
//! provider asks nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::session::Session;
use crate::formats::cloud::{CloudPlace, ProviderSettings};
use crate::formats::cloud_facts::CloudFacts;
use crate::formats::facts::World;
use crate::formats::spec::model::Server;
use crate::formats::spec::model::aws::{Aurora, Provider};
use crate::formats::state::State;
use crate::hosts::aws;
use crate::seams::cloud::Cloud;
use crate::steps::observe::cloud as observe;
use crate::think::plan::{aws_source as clusters, place};
use crate::words::error::{ExitKind, Failure, Outcome};

/// How a command reaches the account.
#[derive(Clone)]
pub struct Account {
    pub cloud: Outcome<Arc<dyn Cloud>>,
    /// Sources whose password could not be fetched, by name.
    pub secrets: BTreeMap<String, Failure>,
}

impl Account {
    /// Whose it is, and nothing of what it holds.
    async fn identified(&self) -> CloudFacts {
        match observe::identity(&self.cloud).await {
            Ok(identity) => CloudFacts { identity, ..CloudFacts::default() },
            Err(fault) => CloudFacts { fault: Some(fault), ..CloudFacts::default() },
        }
    }
}

fn settings(provider: &Provider, profile: Option<String>) -> ProviderSettings {
    ProviderSettings { region: provider.region.clone(), profile, endpoint_url: provider.endpoint_url.clone() }
}

impl Session {
    /// Opens the account, puts looked-up endpoints and fetched passwords into the spec's servers. To be called once,
    /// before any server is opened. What cannot be looked up is told by the plan, never here.
    pub async fn look_up(&mut self) {
        let Some(provider) = &self.spec.aws else { return };
        let cloud = aws::cloud(&settings(provider, provider.profile.clone())).await;
        let mut secrets = BTreeMap::new();
        if let Ok(cloud) = &cloud {
            let found = observe::clusters(cloud.as_ref(), &self.spec).await;
            clusters::resolve_endpoints(&mut self.spec, &found);
            for (source, secret) in observe::secrets(cloud.as_ref(), &self.spec, false).await {
                match (secret, self.spec.sources.get_mut(&source)) {
                    (Ok(password), Some(server)) => server.password = Some(password),
                    (Err(failure), _) => drop(secrets.insert(source, failure)),
                    (Ok(_), None) => {}
                }
            }
        }
        self.account = Some(Account { cloud, secrets });
    }

    /// On a runner: fetches passwords by the machine's own role, and signs tokens by it, so that neither travels.
    ///
    /// # Errors
    /// No credentials, no right to read the secret, a secret without a password.
    pub async fn fetch_secrets(&mut self) -> Outcome<()> {
        let Some(provider) = &self.spec.aws else { return Ok(()) };
        let by_iam = |server: &Server| server.aurora.as_ref().is_some_and(Aurora::asks_iam);
        if !self.spec.sources.values().any(by_iam) {
            return Ok(());
        }
        // Profiles are the other machine's.
        let cloud = aws::cloud(&settings(provider, None)).await?;
        for (source, secret) in observe::secrets(cloud.as_ref(), &self.spec, true).await {
            let secret = secret?;
            if let Some(server) = self.spec.sources.get_mut(&source) {
                server.password = Some(secret);
            }
        }
        self.signer = Some(Ok(cloud));
        Ok(())
    }

    /// Who signs log-ins by IAM.
    pub fn signer(&self) -> Option<&Outcome<Arc<dyn Cloud>>> {
        self.signer.as_ref().or(self.account.as_ref().map(|account| &account.cloud))
    }

    /// Where the credentials lead: asked before any effect, and held against what the state records and the provider
    /// allows. `None`: the spec has no provider, or nothing depends on the answer and there is none.
    ///
    /// # Errors
    /// MIG3228, MIG3229 (exit code 3); no answer, where something is to be held against it.
    pub async fn right_provider(&self, state: Option<&State>) -> Outcome<Option<CloudPlace>> {
        let (Some(account), Some(provider)) = (&self.account, &self.spec.aws) else { return Ok(None) };
        let cloud = account.identified().await;
        let depends = state.is_some_and(|state| state.provider.is_some()) || !provider.allowed_account_ids.is_empty();
        if let Some(fault) = cloud.fault.clone().filter(|_| depends) {
            return Err(fault);
        }
        let here = place::of_provider(&self.spec, Some(&cloud));
        let wrong = here.as_ref().and_then(|here| place::wrong_provider(&self.spec, state, here));
        match wrong {
            Some(wrong) => {
                let cause = format!("{}: {}", wrong.summary, wrong.detail);
                Err(Failure::new(wrong.code, "find the right account", cause, wrong.help).exit(ExitKind::Stale))
            }
            None => Ok(here),
        }
    }

    /// What a removal is bound to: whose account it is, and what there is of this lineage beside what the state knows. Of
    /// recorded objects it asks nothing; their steps look themselves.
    pub async fn world_of_destroy(&self, state: Option<&State>) -> World {
        let Some(account) = &self.account else { return World::default() };
        let identified = account.identified().await;
        let marked = match &account.cloud {
            Ok(cloud) if identified.fault.is_none() => observe::tagged(cloud.as_ref(), state).await,
            _ => CloudFacts::default(),
        };
        let (tagged, tagged_fault) = (marked.tagged, marked.tagged_fault);
        World { cloud: Some(CloudFacts { tagged, tagged_fault, ..identified }), ..World::default() }
    }

    /// What the account holds; `None`: the spec has none.
    pub async fn account_facts(&self, state: Option<&State>) -> Option<CloudFacts> {
        let account = self.account.as_ref()?;
        Some(observe::account(&account.cloud, &self.spec, state).await)
    }

    /// Adds what the account holds to what was seen of the servers.
    pub fn add_account(&self, world: &mut World, facts: Option<CloudFacts>) {
        let Some(account) = &self.account else { return };
        world.cloud = facts;
        clusters::name_sources(&self.spec, world);
        for (source, failure) in &account.secrets {
            if let Some(facts) = world.servers.get_mut(&format!("source.aurora.{source}")) {
                facts.fault = Some(failure.clone());
            }
        }
    }
}
