//! A record's category (management, data, network, Insight) and whether it reads or writes
//! (docs/input-formats.md#management-data-read-write). Older records leave much of that to inference.

use super::event::Category;

/// What the record itself says; each field is absent in some versions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said<'a> {
    /// `eventCategory`, since 1.07.
    pub category: &'a str,
    /// `eventType`.
    pub kind: &'a str,
    /// `managementEvent`, since 1.06.
    pub management: Option<bool>,
    /// `readOnly`, since 1.01.
    pub read_only: Option<bool>,
    /// Another format says that the activity reads; replaces `readOnly` if that is lost.
    pub read_activity: bool,
    /// `eventSource`.
    pub source: &'a str,
    /// `eventName`.
    pub name: &'a str,
}

/// Category and access of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub category: Category,
    pub write: bool,
    /// Category, or read / write, is not in the record.
    pub inferred: bool,
}

/// Classifies one record.
pub(super) fn classify(said: Said<'_>) -> Class {
    let (category, category_inferred) = category(said);
    let countable = matches!(category, Category::Management | Category::Data);
    Class {
        category,
        write: !said.read_only.unwrap_or_else(|| reads(said.name, said.read_activity)),
        inferred: category_inferred || (countable && said.read_only.is_none()),
    }
}

fn category(said: Said<'_>) -> (Category, bool) {
    let written = match (said.category, said.kind, said.management) {
        ("Management", ..) => Category::Management,
        ("Data", ..) => Category::Data,
        ("NetworkActivity", ..) | (_, "AwsVpceEvents", _) => Category::Network,
        ("Insight", ..) | (_, "AwsCloudTrailInsight", _) => Category::Insight,
        (_, _, Some(true)) => Category::Management,
        (_, _, Some(false)) => Category::Data,
        _ if is_data_api(said.source, said.name) => return (Category::Data, true),
        // Before data events existed, everything was management.
        _ => return (Category::Management, true),
    };
    (written, false)
}

/// Verbs of API names that read.
const READ_VERBS: [&str; 19] = [
    "Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Search", "Query", "Scan", "Check", "Test", "Simulate",
    "Validate", "Preview", "Estimate", "Detect", "View", "Is", "Has",
];

/// Prefixes of API names that read: recorded with `readOnly: true`.
const READ_PREFIXES: [&str; 3] = ["AssumeRole", "GenerateDataKey", "ReEncrypt"];

/// Whether a call of this name only reads, judged by the name or by what another format says.
fn reads(name: &str, read_activity: bool) -> bool {
    match name {
        // Recorded with `readOnly: false`: it issues new credentials.
        "GetFederationToken" => false,
        _ if read_activity => true,
        "Decrypt" | "Encrypt" | "Verify" | "Sign" => true,
        _ => {
            READ_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
                || READ_VERBS.iter().any(|verb| name.strip_prefix(verb).is_some_and(ends_word))
        }
    }
}

/// Whether a word of a camel-case name ends here: `IsAuthorized` begins with the word `Is`,
/// `IssueCertificate` does not.
fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|next: char| next.is_ascii_lowercase())
}

/// APIs that were logged as data events before records said so (versions below 1.06).
fn is_data_api(source: &str, name: &str) -> bool {
    let names: &[&str] = match source {
        "s3.amazonaws.com" => S3_OBJECT_APIS,
        "lambda.amazonaws.com" => &["Invoke", "InvokeAsync", "InvokeExecution", "InvokeWithResponseStream"],
        "dynamodb.amazonaws.com" => DYNAMODB_ITEM_APIS,
        "ebs.amazonaws.com" => &[
            "CompleteSnapshot",
            "GetSnapshotBlock",
            "ListChangedBlocks",
            "ListSnapshotBlocks",
            "PutSnapshotBlock",
            "StartSnapshot",
        ],
        "sns.amazonaws.com" => &["Publish", "PublishBatch"],
        "sqs.amazonaws.com" => SQS_MESSAGE_APIS,
        "kinesis.amazonaws.com" => &["GetRecords", "GetShardIterator", "PutRecord", "PutRecords", "SubscribeToShard"],
        "cognito-identity.amazonaws.com" => &[
            "GetCredentialsForIdentity",
            "GetId",
            "GetOpenIdToken",
            "GetOpenIdTokenForDeveloperIdentity",
            "UnlinkIdentity",
        ],
        _ => return false,
    };
    names.contains(&name)
}

const S3_OBJECT_APIS: &[&str] = &[
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjects",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectLegalHold",
    "GetObjectRetention",
    "GetObjectTagging",
    "GetObjectTorrent",
    "HeadBucket",
    "HeadObject",
    "InitiateMultipartUpload",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListParts",
    "PostObject",
    "PutObject",
    "PutObjectAcl",
    "PutObjectLegalHold",
    "PutObjectRetention",
    "PutObjectTagging",
    "RestoreObject",
    "SelectObjectContent",
    "UploadPart",
    "UploadPartCopy",
];

const DYNAMODB_ITEM_APIS: &[&str] = &[
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "ExecuteStatement",
    "ExecuteTransaction",
    "GetItem",
    "GetRecords",
    "GetShardIterator",
    "PutItem",
    "Query",
    "Scan",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateItem",
];

const SQS_MESSAGE_APIS: &[&str] = &[
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ReceiveMessage",
    "SendMessage",
    "SendMessageBatch",
];

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Said<'_> = Said {
        category: "",
        kind: "AwsApiCall",
        management: None,
        read_only: None,
        read_activity: false,
        source: "",
        name: "",
    };

    fn check(said: Said<'_>, category: Category, write: bool, inferred: bool) {
        assert_eq!(classify(said), Class { category, write, inferred }, "{said:?}");
    }

    #[test]
    fn what_the_record_says_holds() {
        use Category::{Data, Insight, Management, Network};
        for (text, category) in
            [("Management", Management), ("Data", Data), ("NetworkActivity", Network), ("Insight", Insight)]
        {
            for read_only in [true, false] {
                let said = Said { category: text, read_only: Some(read_only), name: "GetObject", ..OLD };
                check(said, category, !read_only, false);
            }
        }
    }

    #[test]
    fn the_category_wins_over_the_management_flag() {
        check(
            Said { category: "Data", management: Some(true), read_only: Some(false), ..OLD },
            Category::Data,
            true,
            false,
        );
    }

    #[test]
    fn without_category_the_flag_and_the_type_tell() {
        let written = Said { read_only: Some(false), ..OLD };
        check(Said { management: Some(true), ..written }, Category::Management, true, false);
        check(Said { management: Some(false), ..written }, Category::Data, true, false);
        check(Said { kind: "AwsVpceEvents", ..written }, Category::Network, true, false);
        check(Said { kind: "AwsCloudTrailInsight", ..written }, Category::Insight, true, false);
        check(Said { category: "Something", management: Some(true), ..written }, Category::Management, true, false);
    }

    #[test]
    fn by_name_data_apis_are_data_and_the_rest_is_management() {
        let old = |source, name| Said { source, name, read_only: Some(true), ..OLD };
        for (source, name) in [
            ("s3.amazonaws.com", "GetObject"),
            ("s3.amazonaws.com", "UploadPart"),
            ("lambda.amazonaws.com", "Invoke"),
            ("dynamodb.amazonaws.com", "PutItem"),
            ("sqs.amazonaws.com", "SendMessage"),
        ] {
            check(old(source, name), Category::Data, false, true);
        }
        for (source, name) in [
            ("s3.amazonaws.com", "GetBucketLocation"),
            ("s3.amazonaws.com", "ListBuckets"),
            ("lambda.amazonaws.com", "CreateFunction20150331"),
            ("ec2.amazonaws.com", "GetObject"),
        ] {
            check(old(source, name), Category::Management, false, true);
        }
    }

    #[test]
    fn reads_and_writes_by_name() {
        for name in [
            "GetCallerIdentity",
            "ListBuckets",
            "DescribeInstances",
            "HeadBucket",
            "BatchGetBuilds",
            "LookupEvents",
            "SearchResources",
            "Query",
            "Scan",
            "CheckMfa",
            "TestEventPattern",
            "SimulatePrincipalPolicy",
            "ValidateTemplate",
            "PreviewAgents",
            "EstimateTemplateCost",
            "DetectFaces",
            "ViewBilling",
            "IsAuthorized",
            "HasAccess",
            "AssumeRole",
            "AssumeRoleWithSAML",
            "AssumeRoleWithWebIdentity",
            "Decrypt",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "ReEncryptFrom",
            "Verify",
            "Sign",
            "GetParametersByPath2",
        ] {
            check(Said { management: Some(true), name, ..OLD }, Category::Management, false, true);
        }
        for name in [
            "GetFederationToken",
            "RunInstances",
            "PutRolePolicy",
            "DeleteTrail",
            "IssueCertificate",
            "CheckoutLicense",
            "ListenToStream",
            "Signup",
            "VerifyDomainIdentity",
            "DetachVolume",
            "CreateFunction20150331",
            "ConsoleLogin",
            "Decrypted",
        ] {
            check(Said { management: Some(true), name, ..OLD }, Category::Management, true, true);
        }
    }

    #[test]
    fn a_read_activity_replaces_only_a_lost_flag() {
        let read = |name| Said { management: Some(true), read_activity: true, name, ..OLD };
        check(read("PollForTask"), Category::Management, false, true);
        check(read("GetFederationToken"), Category::Management, true, true);
        check(Said { read_only: Some(false), ..read("PollForTask") }, Category::Management, true, false);
    }

    #[test]
    fn insights_and_network_events_are_never_inferred() {
        check(Said { category: "Insight", ..OLD }, Category::Insight, true, false);
        check(Said { category: "NetworkActivity", name: "GetObject", ..OLD }, Category::Network, false, false);
    }
}
