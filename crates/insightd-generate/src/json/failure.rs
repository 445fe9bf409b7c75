//! `errorMessage` of an `errorCode`, in the words that the services use.

use super::template::Template;

/// The message of a code; a plain sentence for codes without a known message.
pub(crate) fn message(code: &str) -> Template {
    let bare = code.rsplit('.').next().unwrap_or(code);
    Template::new(match code {
        "AccessDenied" | "AccessDeniedException" | "AuthorizationError" => {
            "User: <caller> is not authorized to perform: <service>:<api> on resource: arn:aws:<service>:<region>:<account>:<name> \
             because no identity-based policy allows the <service>:<api> action"
        }
        "Client.UnauthorizedOperation" | "UnauthorizedOperation" => {
            "You are not authorized to perform this operation. User: <caller> is not authorized to perform: <service>:<api> on \
             resource: arn:aws:<service>:<region>:<account>:* because no identity-based policy allows the <service>:<api> action. \
             Encoded authorization failure message: <base64:640>"
        }
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" => "Rate exceeded",
        "Client.RequestLimitExceeded" => {
            "Request limit exceeded. Account <account> has been throttled on <service>:<api> because it exceeded its request rate limit."
        }
        "SlowDown" => "Please reduce your request rate.",
        "NoSuchBucketPolicy" => "The bucket policy does not exist",
        "NoSuchTagSet" => "The TagSet does not exist",
        "NoSuchLifecycleConfiguration" => "The lifecycle configuration does not exist",
        "NoSuchCORSConfiguration" => "The CORS configuration does not exist",
        "NoSuchWebsiteConfiguration" => "The specified bucket does not have a website configuration",
        "NoSuchPublicAccessBlockConfiguration" => "The public access block configuration was not found",
        "ReplicationConfigurationNotFoundError" => "The replication configuration was not found",
        "ObjectLockConfigurationNotFoundError" => "Object Lock configuration does not exist for this bucket",
        "ServerSideEncryptionConfigurationNotFoundError" => "The server side encryption configuration was not found",
        "NoSuchBucket" => "The specified bucket does not exist",
        "BucketNotEmpty" => "The bucket you tried to delete is not empty",
        "NoSuchEntityException" => "The role with name <name> cannot be found.",
        "EntityAlreadyExistsException" => "Role with name <name> already exists.",
        "ResourceAlreadyExistsException" => "The specified log group already exists",
        "ParameterNotFound" => "Parameter /<name>/token not found.",
        "ValidationError" => "Stack with id <name> does not exist",
        "TrailNotFoundException" => {
            "Unknown trail: arn:aws:cloudtrail:<region>:<account>:trail/management for the user: <account>"
        }
        "Client.InvalidInstanceID.NotFound" => "The instance ID 'i-<id:17>' does not exist",
        "Client.InvalidSnapshot.NotFound" => "The snapshot 'snap-<id:17>' does not exist.",
        "Client.InvalidGroup.NotFound" => "The security group 'sg-<id:17>' does not exist",
        "Client.InvalidVolume.NotFound" => "The volume 'vol-<id:17>' does not exist.",
        "Client.InvalidPermission.Duplicate" => {
            "the specified rule \\\"peer: 10.0.0.0/8, TCP, from port: 443, to port: 443, ALLOW\\\" already exists"
        }
        "Client.VcpuLimitExceeded" => {
            "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the specified instance type belongs to."
        }
        "Server.InsufficientInstanceCapacity" => {
            "We currently do not have sufficient capacity in the Availability Zone you requested (<region>a)."
        }
        "Failed authentication" => "Failed authentication",
        _ => return Template::new(&format!("{}: <service>:<api> on <name> (request <request>)", sentence(bare))),
    })
}

/// `ResourceNotFoundException` as `Resource not found`.
fn sentence(code: &str) -> String {
    let bare = ["Exception", "Error", "Fault"].iter().find_map(|end| code.strip_suffix(end)).unwrap_or(code);
    let mut words = String::new();
    let mut lower = false;
    for letter in bare.chars().filter(|letter| letter.is_ascii_alphanumeric()) {
        match letter.is_ascii_uppercase() {
            true if lower => words.extend([' ', letter.to_ascii_lowercase()]),
            _ => words.push(letter),
        }
        lower = letter.is_ascii_lowercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_becomes_a_sentence() {
        assert_eq!(sentence("ResourceNotFoundException"), "Resource not found");
        assert_eq!(sentence("DBClusterNotFoundFault"), "DBCluster not found");
        assert_eq!(sentence("Odd\"Code"), "Odd code");
    }
}
