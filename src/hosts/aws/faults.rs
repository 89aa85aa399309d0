//! What the SDK says instead of an answer, as the seam's fault: the API's code and message, its request id, and whether
//! the call may have had its effect all the same.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::seams::cloud::CloudFault;

/// Answers with a 5xx status that say outright that nothing was done (EC2 API reference, "Server error codes").
const REFUSED_WITH_5XX: [&str; 8] = [
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "EC2ThrottledException",
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientAddressCapacity",
    "InsufficientVolumeCapacity",
];

/// Codes that a missing object is told by: `None` where the API says that it is not there.
pub(super) fn gone_as_none<T>(answer: Result<Option<T>, CloudFault>) -> Result<Option<T>, CloudFault> {
    match answer {
        Err(fault) if fault.is_gone() => Ok(None),
        other => other,
    }
}

/// The seam's fault of an SDK's error.
pub(super) fn fault<E>(error: SdkError<E, HttpResponse>) -> CloudFault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let request_id = error.request_id().map(str::to_owned);
    match &error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or_default().to_owned();
            let server_fault = answer.raw().status().is_server_error();
            let message = match answer.err().message() {
                Some(message) => without_encoded(message),
                None => format!("status {}", answer.raw().status()),
            };
            let unknown = server_fault && !REFUSED_WITH_5XX.contains(&code.as_str());
            CloudFault { code, message, request_id, unknown }
        }
        SdkError::ConstructionFailure(_) => none_came(&error, request_id, false),
        SdkError::DispatchFailure(failure) => {
            // Without credentials nothing was sent.
            let unsent = failure.is_user() || chain(&error).any(|e| e.is::<CredentialsError>());
            none_came(&error, request_id, !unsent)
        }
        _ => none_came(&error, request_id, true),
    }
}

fn none_came(error: &(dyn Error + 'static), request_id: Option<String>, unknown: bool) -> CloudFault {
    CloudFault { code: String::new(), message: told(error), request_id, unknown }
}

/// An error with what it came from, nothing said twice.
pub(super) fn told(error: &(dyn Error + 'static)) -> String {
    let mut message = String::new();
    for cause in chain(error) {
        let text = cause.to_string();
        if !message.contains(&text) {
            message = if message.is_empty() { text } else { format!("{message}: {text}") };
        }
    }
    message
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> {
        (*error).source()
    })
}

/// A refusal of rights carries an encoded message of thousands of characters that only an administrator can decode.
fn without_encoded(message: &str) -> String {
    let cut = message.find("Encoded authorization failure message").unwrap_or(message.len());
    message.get(..cut).unwrap_or(message).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_authorisation_message_is_left_out() {
        for (message, left) in [
            ("no", "no"),
            ("You are not authorized. Encoded authorization failure message: Ab0xyz", "You are not authorized."),
        ] {
            assert_eq!(without_encoded(message), left);
        }
    }
}
