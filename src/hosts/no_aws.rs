//! Stands where AWS would in a build without the feature `aws`: says so.

use std::sync::Arc;

use crate::formats::cloud::ProviderSettings;
use crate::seams::cloud::Cloud;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// # Errors
/// MIG3201, always.
pub async fn cloud(provider: &ProviderSettings) -> Outcome<Arc<dyn Cloud>> {
    Err(Failure::new(
        codes::PROVIDER,
        format!("open the provider aws ({})", provider.region),
        "this build of mig has no AWS: it was made without the feature `aws`",
        "Take a release of mig, or build it with its default features.",
    ))
}
