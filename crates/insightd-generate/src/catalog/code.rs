//! The `errorCode` of each kind of failure, as each service's protocol spells it.

use crate::call::Api;

/// The caller lacks the permission.
pub(crate) fn denied(api: &Api) -> &'static str {
    match api.service {
        "ec2" => "Client.UnauthorizedOperation",
        "iam"
        | "sts"
        | "s3"
        | "cloudformation"
        | "elasticloadbalancing"
        | "autoscaling"
        | "rds"
        | "sqs"
        | "monitoring"
        | "redshift"
        | "elasticache"
        | "route53"
        | "cloudfront" => "AccessDenied",
        "sns" => "AuthorizationError",
        _ => "AccessDeniedException",
    }
}

/// Too many calls.
pub(crate) fn throttled(api: &Api) -> &'static str {
    match api.service {
        "ec2" => "Client.RequestLimitExceeded",
        "lambda" | "apigateway" | "guardduty" => "TooManyRequestsException",
        "iam"
        | "cloudformation"
        | "elasticloadbalancing"
        | "autoscaling"
        | "rds"
        | "route53"
        | "monitoring"
        | "sns" => "Throttling",
        "s3" => "SlowDown",
        _ => "ThrottlingException",
    }
}

/// The resource does not exist.
pub(crate) fn missing(api: &Api) -> &'static str {
    match (api.service, api.name) {
        ("ec2", name) if name.contains("Snapshot") => "Client.InvalidSnapshot.NotFound",
        ("ec2", name) if name.contains("SecurityGroup") => "Client.InvalidGroup.NotFound",
        ("ec2", name) if name.contains("Volume") => "Client.InvalidVolume.NotFound",
        ("ec2", name) if name.contains("NetworkInterface") => "Client.InvalidNetworkInterfaceID.NotFound",
        ("ec2", _) => "Client.InvalidInstanceID.NotFound",
        ("iam", _) => "NoSuchEntityException",
        ("s3", "GetBucketPolicy" | "GetBucketPolicyStatus") => "NoSuchBucketPolicy",
        ("s3", "GetBucketTagging") => "NoSuchTagSet",
        ("s3", "GetBucketLifecycle") => "NoSuchLifecycleConfiguration",
        ("s3", "GetBucketCors") => "NoSuchCORSConfiguration",
        ("s3", "GetBucketWebsite") => "NoSuchWebsiteConfiguration",
        ("s3", "GetBucketReplication") => "ReplicationConfigurationNotFoundError",
        ("s3", "GetBucketObjectLockConfiguration") => "ObjectLockConfigurationNotFoundError",
        ("s3", "GetBucketEncryption") => "ServerSideEncryptionConfigurationNotFoundError",
        ("s3", "GetBucketPublicAccessBlock" | "GetAccountPublicAccessBlock") => "NoSuchPublicAccessBlockConfiguration",
        ("s3", _) => "NoSuchBucket",
        ("kms", _) => "NotFoundException",
        ("sqs", _) => "AWS.SimpleQueueService.NonExistentQueue",
        ("ssm", "GetParameter" | "PutParameter" | "DeleteParameter") => "ParameterNotFound",
        ("rds", name) if name.contains("Cluster") => "DBClusterNotFoundFault",
        ("rds", _) => "DBInstanceNotFound",
        ("elasticloadbalancing", _) => "TargetGroupNotFoundException",
        ("cloudformation" | "autoscaling", _) => "ValidationError",
        ("cloudtrail", _) => "TrailNotFoundException",
        ("ecr", _) => "RepositoryNotFoundException",
        ("ecs", _) => "ClusterNotFoundException",
        ("logs" | "secretsmanager" | "dynamodb" | "lambda" | "eks", _) => "ResourceNotFoundException",
        _ => "ResourceNotFoundException",
    }
}

/// A parameter is wrong, or the resource already exists.
pub(crate) fn invalid(api: &Api) -> &'static str {
    match (api.service, api.name) {
        ("logs", "CreateLogGroup" | "CreateLogStream") => "ResourceAlreadyExistsException",
        ("ec2", "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress") => {
            "Client.InvalidPermission.Duplicate"
        }
        ("ec2", "RunInstances") => "Server.InsufficientInstanceCapacity",
        ("ec2", _) => "Client.InvalidParameterValue",
        ("iam", name) if name.starts_with("Create") => "EntityAlreadyExistsException",
        ("iam", _) => "DeleteConflictException",
        ("s3", "CreateBucket") => "BucketAlreadyOwnedByYou",
        ("s3", "DeleteBucket") => "BucketNotEmpty",
        ("lambda", name) if name.starts_with("Update") => "ResourceConflictException",
        ("lambda", _) => "InvalidParameterValueException",
        ("secretsmanager", "CreateSecret") => "ResourceExistsException",
        ("rds", _) => "InvalidDBInstanceState",
        ("cloudformation" | "autoscaling" | "elasticloadbalancing", _) => "ValidationError",
        ("kms", _) => "InvalidArnException",
        ("ecs" | "eks", _) => "InvalidParameterException",
        _ => "ValidationException",
    }
}
