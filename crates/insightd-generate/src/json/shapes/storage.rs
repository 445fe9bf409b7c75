//! Buckets, tables and databases, with some data events.

use super::form::{Form, form};

const NONE: &str = "null";
const BUCKET: &str = r#"[{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<name>-<few:8>"}]"#;
const OBJECT: &str = r#"[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::<name>-<few:8>/<hex:2#a>/<hex:32>"},{"accountId":"<account>","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::<name>-<few:8>"}]"#;
const TABLE: &str = r#"[{"accountId":"<account>","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:<region>:<account>:table/<name>"}]"#;
const FUNCTION: &str = r#"[{"accountId":"<account>","type":"AWS::Lambda::Function","ARN":"arn:aws:lambda:<region>:<account>:function:<name>"}]"#;

/// A call about a bucket; the requested part is a field.
macro_rules! bucket {
    ($names:literal, $part:literal) => {
        form(
            "s3",
            $names,
            concat!(
                r#"{"bucketName":"<name>-<few:8>","Host":"<name>-<few:8>.s3.<region>.amazonaws.com","#,
                $part,
                r#"}"#
            ),
            NONE,
        )
        .with(BUCKET)
    };
}

pub(crate) const FORMS: &[Form] = &[
    form("s3", "ListBuckets", r#"{"Host":"s3.amazonaws.com"}"#, NONE),
    form("s3", "ListAccessPoints", r#"{"bucket":"<name>-<few:8>","Host":"<account>.s3-control.<region>.amazonaws.com","maxResults":"1000"}"#, NONE),
    form("s3", "GetAccountPublicAccessBlock PutAccountPublicAccessBlock", r#"{"Host":"<account>.s3-control.<region>.amazonaws.com"}"#, NONE),
    bucket!("GetBucketLocation", r#""location":"""#),
    bucket!("GetBucketAcl", r#""acl":"""#),
    bucket!("GetBucketPolicy DeleteBucketPolicy", r#""policy":"""#),
    bucket!("GetBucketPolicyStatus", r#""policyStatus":"""#),
    bucket!("GetBucketVersioning", r#""versioning":"""#),
    bucket!("GetBucketEncryption DeleteBucketEncryption", r#""encryption":"""#),
    bucket!("GetBucketTagging", r#""tagging":"""#),
    bucket!("GetBucketPublicAccessBlock DeleteBucketPublicAccessBlock", r#""publicAccessBlock":"""#),
    bucket!("GetBucketLogging", r#""logging":"""#),
    bucket!("GetBucketNotification", r#""notification":"""#),
    bucket!("GetBucketLifecycle", r#""lifecycle":"""#),
    bucket!("GetBucketCors", r#""cors":"""#),
    bucket!("GetBucketWebsite", r#""website":"""#),
    bucket!("GetBucketReplication", r#""replication":"""#),
    bucket!("GetBucketOwnershipControls", r#""ownershipControls":"""#),
    bucket!("GetBucketObjectLockConfiguration", r#""object-lock":"""#),
    bucket!("CreateBucket", r#""CreateBucketConfiguration":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/","LocationConstraint":"<region>"}"#),
    bucket!("DeleteBucket", r#""x-amz-expected-bucket-owner":"<account>""#),
    bucket!("PutBucketPolicy", r#""policy":"","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"Writers","Action":["s3:PutObject"],"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::<account>:role/<name#role>"},"Resource":"arn:aws:s3:::<name>-<few:8>/*"},{"Sid":"TransportOnly","Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Resource":"arn:aws:s3:::<name>-<few:8>/*"}]}"#),
    bucket!("PutBucketAcl", r#""acl":"","x-amz-acl":"<one:private|bucket-owner-full-control|public-read>""#),
    bucket!("PutBucketTagging", r#""tagging":"","Tagging":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/","TagSet":{"Tag":[{"Key":"team","Value":"<one:platform|data>"},{"Key":"environment","Value":"production"}]}}"#),
    bucket!("PutBucketEncryption", r#""encryption":"","ServerSideEncryptionConfiguration":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/","Rule":{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":"arn:aws:kms:<region>:<account>:key/<key-id>"},"BucketKeyEnabled":true}}"#),
    bucket!("PutBucketVersioning", r#""versioning":"","VersioningConfiguration":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/","Status":"<one:Enabled|Suspended>"}"#),
    bucket!("PutBucketPublicAccessBlock", r#""publicAccessBlock":"","PublicAccessBlockConfiguration":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/","RestrictPublicBuckets":<one:true|false>,"BlockPublicPolicy":<one:true|false>,"BlockPublicAcls":<one:true|false>,"IgnorePublicAcls":<one:true|false>}"#),
    bucket!("PutBucketLogging", r#""logging":"","BucketLoggingStatus":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/"}"#),
    bucket!("PutBucketLifecycle", r#""lifecycle":"","LifecycleConfiguration":{"xmlns":"http://s3.amazonaws.com/doc/2006-03-01/","Rule":{"ID":"expire","Filter":{"Prefix":""},"Status":"Enabled","Expiration":{"Days":<one:30|90|365>}}}"#),
    form("s3", "GetObject HeadObject DeleteObject", r#"{"bucketName":"<name>-<few:8>","Host":"<name>-<few:8>.s3.<region>.amazonaws.com","key":"<hex:2#a>/<hex:32>"}"#, NONE).with(OBJECT),
    form("s3", "PutObject", r#"{"bucketName":"<name>-<few:8>","Host":"<name>-<few:8>.s3.<region>.amazonaws.com","key":"<hex:2#a>/<hex:32>"}"#, r#"{"x-amz-server-side-encryption":"AES256"}"#).with(OBJECT),
    form("s3", "ListObjects", r#"{"list-type":"2","bucketName":"<name>-<few:8>","prefix":"<hex:2#a>/","max-keys":"1000","Host":"<name>-<few:8>.s3.<region>.amazonaws.com"}"#, NONE).with(BUCKET),
    // === dynamodb, lambda: data events ===
    form("dynamodb", "DescribeTable DescribeTimeToLive DescribeContinuousBackups DeleteTable", r#"{"tableName":"<name>"}"#, NONE).with(TABLE),
    form("dynamodb", "GetItem PutItem UpdateItem DeleteItem Query Scan", r#"{"tableName":"<name>","key":{"id":"HIDDEN_DUE_TO_SECURITY_REASONS"},"returnConsumedCapacity":"NONE"}"#, NONE).with(TABLE),
    form("lambda", "Invoke", r#"{"functionName":"arn:aws:lambda:<region>:<account>:function:<name>","invocationType":"<one:RequestResponse|Event>"}"#, NONE).with(FUNCTION),
    // === rds ===
    form("rds", "DescribeDBInstances", r#"{"dBInstanceIdentifier":"<name>"}"#, NONE),
    form("rds", "DescribeDBClusters", r#"{"includeShared":true}"#, NONE),
    form("rds", "DescribeDBSnapshots DescribeDBClusterSnapshots", r#"{"dBSnapshotIdentifier":"<name>-<few:6>","includeShared":false,"includePublic":false}"#, NONE),
    form("rds", "DescribeEvents", r#"{"duration":1440}"#, NONE),
    form("rds", "ListTagsForResource", r#"{"resourceName":"arn:aws:rds:<region>:<account>:db:<name>"}"#, NONE),
    form("rds", "CreateDBSnapshot DeleteDBSnapshot", r#"{"dBInstanceIdentifier":"<name>","dBSnapshotIdentifier":"<name>-<hex:6>"}"#,
        r#"{"allocatedStorage":100,"instanceCreateTime":"<date:-864000>","dBSnapshotIdentifier":"<name>-<hex:6>","dbiResourceId":"db-<key:26>","port":5432,"availabilityZone":"<region>b","dBSnapshotArn":"arn:aws:rds:<region>:<account>:snapshot:<name>-<hex:6>","engine":"postgres","engineVersion":"16.3","masterUsername":"app","status":"creating","snapshotType":"manual","storageType":"gp3","encrypted":true,"kmsKeyId":"arn:aws:kms:<region>:<account>:key/<key-id>","dBInstanceIdentifier":"<name>","licenseModel":"postgresql-license","percentProgress":0,"iAMDatabaseAuthenticationEnabled":false,"vpcId":"vpc-<few:17#vpc>"}"#),
    form("rds", "ModifyDBSnapshotAttribute ModifyDBClusterSnapshotAttribute", r#"{"dBSnapshotIdentifier":"<name>-<hex:6>","attributeName":"restore","valuesToAdd":["<number:100000000000-999999999999>"]}"#,
        r#"{"dBSnapshotIdentifier":"<name>-<hex:6>","dBSnapshotAttributes":[{"attributeName":"restore","attributeValues":["<number:100000000000-999999999999>"]}]}"#),
    form("rds", "ModifyDBInstance StartDBInstance StopDBInstance RebootDBInstance DeleteDBInstance", r#"{"dBInstanceIdentifier":"<name>","applyImmediately":true,"allowMajorVersionUpgrade":false}"#,
        r#"{"dBInstanceIdentifier":"<name>","dBInstanceClass":"db.<one:r6g.large|t4g.medium|m6i.xlarge>","engine":"postgres","dBInstanceStatus":"<one:available|modifying|stopping>","masterUsername":"app","endpoint":{"address":"<name>.<few:12>.<region>.rds.amazonaws.com","port":5432,"hostedZoneId":"Z<key:13>"},"allocatedStorage":100,"backupRetentionPeriod":7,"multiAZ":true,"engineVersion":"16.3","autoMinorVersionUpgrade":true,"publiclyAccessible":false,"storageType":"gp3","storageEncrypted":true,"dbiResourceId":"db-<key:26>","deletionProtection":true}"#),
];
