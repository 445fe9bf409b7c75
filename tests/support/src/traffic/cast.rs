//! The callers and the APIs that they call.

use super::{Actor, Api, Identity};

pub(super) const fn read(service: &'static str, name: &'static str) -> Api {
    Api { service, name, read: true }
}

pub(super) const fn write(service: &'static str, name: &'static str) -> Api {
    Api { service, name, read: false }
}

pub(super) const fn role(name: &'static str, agent: &'static str) -> Actor {
    Actor { identity: Identity::Role(name), agent }
}

pub(super) const fn user(name: &'static str, agent: &'static str) -> Actor {
    Actor { identity: Identity::User(name), agent }
}

pub(super) const GO: &str = "aws-sdk-go/1.55.5 (go1.22.5; linux; amd64)";
pub(super) const BOTO: &str =
    "Boto3/1.35.0 md/Botocore#1.35.0 ua/2.0 os/linux#5.10.224 md/arch#x86_64 lang/python#3.11.9 cfg/retry-mode#legacy";
pub(super) const CLI: &str = "aws-cli/2.15.30 Python/3.11.8 Linux/6.1.82 exe/x86_64.amzn.2023 prompt/off";
pub(super) const CONSOLE: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
pub(super) const TERRAFORM: &str =
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.63.0";
pub(super) const AGENT: &str = "amazon-ssm-agent/3.3.551.0 (linux; amd64)";

pub(super) static POLLERS: [Actor; 3] =
    [role("monitoring-reader", GO), role("inventory", BOTO), role("config-recorder", "config.amazonaws.com")];
pub(super) static LEGACY: Actor =
    user("legacy-scanner", "aws-sdk-java/1.11.80 Linux/4.4.0 Java_HotSpot(TM)_64-Bit_Server_VM/25.71-b15");
pub(super) static INSTANCES: [Actor; 2] = [role("web-instance", AGENT), role("batch-instance", AGENT)];
pub(super) static PEOPLE: [Actor; 4] = [
    user("operations-1", CLI),
    user("operations-2", CONSOLE),
    role("developer", CONSOLE),
    role("developer-readonly", CLI),
];
pub(super) static JOBS: Actor = role("backup-job", BOTO);
pub(super) static DEPLOYER: Actor = role("ci-deploy", TERRAFORM);
pub(super) static SCALING: Actor =
    Actor { identity: Identity::Service("autoscaling.amazonaws.com"), agent: "autoscaling.amazonaws.com" };
pub(super) static ROTATION: Actor = Actor { identity: Identity::Service("kms.amazonaws.com"), agent: "" };
pub(super) static PARTNER: Actor = Actor { identity: Identity::Foreign("AIDAEXAMPLEPARTNER00"), agent: BOTO };
pub(super) static INTRUDERS: [Actor; 3] = [
    user("svc-reporting", "aws-cli/1.22.34 Python/3.10.12 Linux/5.15.0 botocore/1.23.34"),
    role("web-instance", CLI),
    role("developer", "python-requests/2.31.0"),
];

pub(super) static HEARTBEAT: Api = write("ssm", "UpdateInstanceInformation");
pub(super) static POLLED: [Api; 10] = [
    read("ec2", "DescribeInstances"),
    read("ec2", "DescribeVolumes"),
    read("ec2", "DescribeSecurityGroups"),
    read("monitoring", "DescribeAlarms"),
    read("elasticloadbalancing", "DescribeTargetHealth"),
    read("s3", "ListBuckets"),
    read("rds", "DescribeDBInstances"),
    read("iam", "ListRoles"),
    read("sts", "GetCallerIdentity"),
    read("kms", "Decrypt"),
];
pub(super) static BUCKET_POLICY: Api = read("s3", "GetBucketPolicy");
pub(super) static OLD_READ: Api = read("ec2", "DescribeInstances");
pub(super) static OLD_WRITE: Api = write("ec2", "CreateTags");
pub(super) static OFFICE: [Api; 12] = [
    read("ec2", "DescribeInstances"),
    read("cloudformation", "DescribeStacks"),
    read("logs", "FilterLogEvents"),
    read("iam", "GetUser"),
    read("s3", "GetBucketAcl"),
    read("lambda", "ListFunctions20150331"),
    read("cloudtrail", "LookupEvents"),
    write("ec2", "AuthorizeSecurityGroupIngress"),
    write("ec2", "StartInstances"),
    write("ec2", "StopInstances"),
    write("s3", "PutBucketTagging"),
    write("logs", "CreateLogStream"),
];
pub(super) static SIGN_IN: Api = write("signin", "ConsoleLogin");
pub(super) static CROSS_ACCOUNT: Api = read("sts", "AssumeRole");
pub(super) static HOURLY: [Api; 3] =
    [write("ec2", "CreateSnapshot"), write("ec2", "CreateTags"), write("ec2", "DeleteSnapshot")];
pub(super) static NIGHTLY: [Api; 4] = [
    write("ec2", "RunInstances"),
    write("ec2", "CreateTags"),
    write("rds", "CreateDBSnapshot"),
    write("ec2", "TerminateInstances"),
];
pub(super) static DEPLOYMENT: [Api; 7] = [
    write("cloudformation", "CreateChangeSet"),
    write("cloudformation", "ExecuteChangeSet"),
    write("iam", "PassRole"),
    write("lambda", "UpdateFunctionCode20150331v2"),
    write("lambda", "PublishVersion20150331"),
    write("ecs", "UpdateService"),
    read("cloudformation", "DescribeStackEvents"),
];
pub(super) static ROTATE: Api = write("kms", "RotateKey");
pub(super) static TERMINATE: Api = write("autoscaling", "CompleteLifecycleAction");
pub(super) static OBJECT: Api = read("s3", "GetObject");
pub(super) static RUN: Api = write("ec2", "RunInstances");
pub(super) static FOOTHOLD: [Api; 4] = [
    write("iam", "CreateUser"),
    write("iam", "CreateAccessKey"),
    write("iam", "AttachUserPolicy"),
    write("iam", "CreateLoginProfile"),
];
pub(super) static PROBED: [Api; 4] = [
    read("secretsmanager", "ListSecrets"),
    read("secretsmanager", "GetSecretValue"),
    read("iam", "GetAccountAuthorizationDetails"),
    read("organizations", "DescribeOrganization"),
];
pub(super) static DESTROYED: [Api; 3] =
    [write("ec2", "DeleteSnapshot"), write("s3", "DeleteBucket"), write("rds", "DeleteDBSnapshot")];
pub(super) static SHARED_OUT: Api = write("ec2", "ModifySnapshotAttribute");
