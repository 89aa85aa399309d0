//! AWS, by the emulator behind a proxy that does what EC2 does and it does not.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

mod account;
mod host;
mod journey;
mod kills;
mod program;
mod steps;
mod strikes;

use std::sync::Arc;

use mig::formats::cloud::ProviderSettings;
use mig::seams::cloud::Cloud;
use support::moto::REGION;

/// The provider as a spec opens it, by a URL of the emulator or the proxy.
async fn provider(url: &str) -> Arc<dyn Cloud> {
    credentials();
    let settings = ProviderSettings { region: REGION.into(), profile: None, endpoint_url: Some(url.to_owned()) };
    mig::hosts::aws::cloud(&settings).await.unwrap()
}

/// Any will do for the emulator.
fn credentials() {
    let there = std::env::var_os("AWS_ACCESS_KEY_ID").is_some();
    assert!(there, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: anything will do, `make test` sets them");
}
