//! Calls that belong together: what a deployment, a nightly job or a scaling wave is made of.

use super::api::apis;
use crate::call::Api;

/// A list of APIs.
pub(crate) type Apis = &'static [Api];

/// Deployments, one list for each tool chain. Their order is roughly that of the calls.
pub(crate) static DEPLOYMENTS: &[Apis] = &[
    apis!("ecr": r GetAuthorizationToken, r BatchCheckLayerAvailability, w InitiateLayerUpload, w UploadLayerPart, w CompleteLayerUpload,
              w PutImage; "ecs": r DescribeTaskDefinition, w RegisterTaskDefinition, r DescribeServices, w UpdateService, w DeregisterTaskDefinition;
          "elasticloadbalancing": r DescribeTargetHealth, w ModifyRule),
    apis!("lambda": r GetFunction20150331v2, w UpdateFunctionCode20150331v2, w UpdateFunctionConfiguration20150331v2,
              w PublishVersion20150331, w UpdateAlias20150331, w AddPermission20150331v2; "apigateway": w PutRestApi, w CreateDeployment, w UpdateStage),
    apis!("cloudformation": r DescribeStacks, r GetTemplateSummary, w CreateChangeSet, r DescribeChangeSet, w ExecuteChangeSet, r DescribeStackEvents;
          "iam": w CreateRole, w PutRolePolicy, w AttachRolePolicy, w TagRole; "lambda": w CreateFunction20150331, w AddPermission20150331v2;
          "logs": w CreateLogGroup, w PutRetentionPolicy; "events": w PutRule, w PutTargets; "sqs": w CreateQueue, w SetQueueAttributes;
          "sns": w CreateTopic, w Subscribe; "s3": w CreateBucket, w PutBucketPolicy, w PutBucketEncryption, w PutBucketPublicAccessBlock;
          "dynamodb": w CreateTable, w UpdateTimeToLive; "monitoring": w PutMetricAlarm),
    apis!("s3": r ListBuckets, r GetBucketLocation, w PutBucketTagging; "cloudfront": r GetDistribution, w CreateInvalidation, r GetInvalidation,
              w UpdateDistribution; "ssm": r GetParametersByPath, w PutParameter),
    apis!("codedeploy": w RegisterApplicationRevision, w CreateDeployment, r GetDeployment, w PutLifecycleEventHookExecutionStatus;
          "autoscaling": r DescribeAutoScalingGroups, w StartInstanceRefresh, w UpdateAutoScalingGroup, w CompleteLifecycleAction;
          "ec2": r DescribeImages, w CreateLaunchTemplateVersion, w ModifyLaunchTemplate, w CreateTags;
          "elasticloadbalancing": w RegisterTargets, w DeregisterTargets, r DescribeTargetHealth),
    apis!("eks": r DescribeCluster, r DescribeNodegroup, w UpdateNodegroupConfig, w UpdateAddon; "ecr": r GetAuthorizationToken, w PutImage;
          "elasticloadbalancing": w CreateTargetGroup, w ModifyTargetGroupAttributes, w CreateRule, w AddTags;
          "ec2": w AuthorizeSecurityGroupIngress, w RevokeSecurityGroupIngress; "route53": w ChangeResourceRecordSets, r GetChange),
    apis!("glue": r GetJobs, w UpdateJob, w UpdateTable, w CreateTable; "states": w UpdateStateMachine, r DescribeStateMachine;
          "s3": w PutBucketNotification; "athena": w StartQueryExecution, r GetQueryExecution; "secretsmanager": r GetSecretValue, w PutSecretValue),
    apis!("codebuild": w StartBuild, r BatchGetBuilds, w CreateReport, w BatchPutTestCases; "codepipeline": w PutJobSuccessResult,
              w StartPipelineExecution, r GetPipelineState; "ecr": w PutImage, r DescribeImageScanFindings, w StartImageScan),
];

/// Scheduled jobs, one list each. A job repeats the first API most.
pub(crate) static JOBS: &[Apis] = &[
    apis!("ec2": w CreateSnapshot, r DescribeVolumes, w CreateTags, r DescribeSnapshots),
    apis!("ec2": w DeleteSnapshot, r DescribeSnapshots, w DeregisterImage, r DescribeImages),
    apis!("backup": w StartBackupJob, r DescribeBackupJob, w TagResource, w DeleteRecoveryPoint, r ListRecoveryPointsByBackupVault),
    apis!("rds": w CreateDBSnapshot, r DescribeDBSnapshots, w DeleteDBSnapshot, w CopyDBSnapshot, w AddTagsToResource),
    apis!("glue": w BatchCreatePartition, r GetPartitions, r GetTable, w StartJobRun, r GetJobRun, w UpdateTable),
    apis!("athena": w StartQueryExecution, r GetQueryExecution, r GetQueryResults; "glue": r GetTable),
    apis!("batch": w SubmitJob, r DescribeJobs, w RegisterJobDefinition),
    apis!("states": w StartExecution, r DescribeExecution),
    apis!("elasticmapreduce": w AddJobFlowSteps, r DescribeStep, w RunJobFlow, r DescribeCluster, w TerminateJobFlows),
    apis!("sagemaker": w CreateProcessingJob, r DescribeProcessingJob, w CreateTrainingJob, r DescribeTrainingJob, w AddTags, w CreateModel),
    apis!("ecs": w RunTask, r DescribeTasks, w StopTask),
    apis!("logs": w CreateExportTask, r DescribeExportTasks, r DescribeLogGroups, w PutRetentionPolicy),
    apis!("ssm": w SendCommand, r GetCommandInvocation, w PutComplianceItems, r DescribeInstancePatchStates),
    apis!("ec2": w StopInstances, r DescribeInstances, w StartInstances),
    apis!("ecr": w BatchDeleteImage, r DescribeImages, r ListImages),
    apis!("iam": w GenerateCredentialReport, r GetCredentialReport, r ListUsers, r ListAccessKeys, w UpdateAccessKey, r GetAccessKeyLastUsed),
    apis!("secretsmanager": w RotateSecret, r GetSecretValue, w PutSecretValue, w UpdateSecretVersionStage, r DescribeSecret),
    apis!("route53": w ChangeResourceRecordSets, r ListResourceRecordSets, r GetChange),
    apis!("redshift": w GetClusterCredentials, r DescribeClusters, w CreateClusterSnapshot, w PauseCluster, w ResumeCluster),
    apis!("dynamodb": w CreateBackup, r ListBackups, w DeleteBackup, w UpdateTable),
    apis!("ec2": w CreateTags, r DescribeInstances, r DescribeVolumes; "tagging": w TagResources, r GetResources),
    apis!("codebuild": w StartBuild, r BatchGetBuilds),
    apis!("wafv2": w UpdateIPSet, r GetIPSet, r ListIPSets),
    apis!("ce": r GetCostAndUsage, r GetDimensionValues; "athena": w StartQueryExecution, r GetQueryExecution),
    apis!("lambda": w UpdateFunctionConfiguration20150331v2, r ListFunctions20150331, w DeleteFunction20150331, r ListVersionsByFunction20150331),
    apis!("iam": w CreateAccessKey, w DeleteAccessKey, w UpdateAccessKey, r ListAccessKeys, r GetAccessKeyLastUsed),
    apis!("ec2": w ModifyImageAttribute, w CopyImage, r DescribeImages, w CreateTags, w ModifySnapshotAttribute),
    apis!("ec2": w TerminateInstances, r DescribeInstances, w DeleteVolume, w ReleaseAddress; "s3": w DeleteBucket, r ListBuckets;
          "cloudformation": w DeleteStack, r DescribeStacks; "rds": w DeleteDBInstance; "logs": w DeleteLogGroup; "lambda": w DeleteFunction20150331),
    apis!("iam": w DeletePolicyVersion, r ListPolicyVersions, w DetachRolePolicy, w DeleteRolePolicy, w DeleteRole, r ListRoles),
];

/// What services and fleets write all day. The second API of a pair follows the first after minutes.
pub(crate) static CHATTER: &[Apis] = &[
    apis!("logs": w CreateLogStream),
    apis!("ec2": w CreateNetworkInterface, w DeleteNetworkInterface),
    apis!("ssm": w UpdateInstanceAssociationStatus, w PutInventory),
    apis!("ssm": w PutComplianceItems),
    apis!("kms": w CreateGrant, w RetireGrant),
    apis!("ecs": w SubmitTaskStateChange, w SubmitContainerStateChange),
    apis!("states": w StartExecution),
    apis!("sns": w CreatePlatformEndpoint, w SetEndpointAttributes),
    apis!("config": w PutEvaluations),
    apis!("securityhub": w BatchImportFindings),
    apis!("glue": w BatchCreatePartition, w UpdateTable),
    apis!("batch": w SubmitJob),
    apis!("ses": w SendEmail),
    apis!("cognito-idp": w InitiateAuth, w AdminUpdateUserAttributes),
    apis!("ssm": w OpenDataChannel),
    apis!("athena": w StartQueryExecution),
    apis!("elasticmapreduce": w AddJobFlowSteps),
    apis!("route53": w ChangeResourceRecordSets),
];

/// What services and fleets read all day.
pub(crate) static LOOKUPS: &[Apis] = &[
    apis!("sts": r AssumeRole),
    apis!("kms": r Decrypt, r GenerateDataKey),
    apis!("secretsmanager": r GetSecretValue, r DescribeSecret),
    apis!("ssm": r GetParameter, r GetParametersByPath),
    apis!("ecr": r GetAuthorizationToken, r BatchGetImage, r GetDownloadUrlForLayer),
    apis!("sts": r AssumeRoleWithWebIdentity),
    apis!("sts": r GetCallerIdentity),
    apis!("glue": r GetTable, r GetPartitions, r GetDatabase),
    apis!("athena": r GetQueryExecution, r GetQueryResults),
    apis!("ec2": r DescribeInstances, r DescribeTags),
    apis!("ssm": r ListInstanceAssociations, r ListAssociations),
    apis!("bedrock": r InvokeModel),
    apis!("cognito-idp": r AdminGetUser),
    apis!("states": r DescribeExecution),
    apis!("kinesis": r DescribeStreamSummary, r ListShards),
    apis!("eks": r AccessKubernetesApi),
];

/// What instances report every few minutes.
pub(crate) static HEARTBEATS: &[Apis] = &[
    apis!("ssm": w UpdateInstanceInformation),
    apis!("ssm": w UpdateInstanceInformation, r ListInstanceAssociations),
    apis!("autoscaling": w RecordLifecycleActionHeartbeat),
    apis!("ecs": r DescribeContainerInstances, w SubmitContainerStateChange),
];

/// What monitoring, controllers and inventories read repeatedly.
pub(crate) static POLLS: &[Apis] = &[
    apis!("monitoring": r GetMetricData, r ListMetrics; "tagging": r GetResources),
    apis!("monitoring": r GetMetricStatistics, r DescribeAlarms),
    apis!("ec2": r DescribeInstances, r DescribeInstanceStatus, r DescribeVolumes, r DescribeTags),
    apis!("autoscaling": r DescribeAutoScalingGroups, r DescribeAutoScalingInstances, r DescribeTags; "ec2": r DescribeLaunchTemplateVersions,
              r DescribeInstanceTypes),
    apis!("elasticloadbalancing": r DescribeLoadBalancers, r DescribeTargetHealth, r DescribeTargetGroups, r DescribeListeners, r DescribeRules,
              r DescribeTags; "ec2": r DescribeSecurityGroups, r DescribeSubnets, r DescribeNetworkInterfaces),
    apis!("route53": r ListHostedZones, r ListResourceRecordSets),
    apis!("rds": r DescribeDBInstances, r DescribeDBClusters, r DescribeEvents, r ListTagsForResource),
    apis!("ecs": r ListTasks, r DescribeTasks, r DescribeServices, r ListServices, r DescribeClusters),
    apis!("lambda": r ListFunctions20150331, r GetFunctionConfiguration20150331v2, r ListTags20170331),
    apis!("sqs": r GetQueueAttributes, r ListQueues),
    apis!("config": r DescribeConfigurationRecorderStatus, r DescribeConfigRules, r DescribeComplianceByConfigRule;
          "s3": r GetBucketPolicy, r GetBucketAcl, r GetBucketEncryption, r GetBucketPublicAccessBlock; "iam": r GetRole, r ListAttachedRolePolicies),
    apis!("codepipeline": r PollForJobs, r GetPipelineState),
    apis!("health": r DescribeEvents, r DescribeEventAggregates),
    apis!("eks": r DescribeCluster, r ListClusters, r DescribeNodegroup; "ec2": r DescribeInstances),
    apis!("dynamodb": r DescribeTable, r ListTables; "application-autoscaling": r DescribeScalableTargets, r DescribeScalingPolicies),
    apis!("guardduty": r ListFindings, r GetFindings, r ListDetectors),
    apis!("logs": r DescribeLogGroups, r DescribeLogStreams, r FilterLogEvents),
    apis!("elasticache": r DescribeCacheClusters, r DescribeReplicationGroups; "es": r DescribeDomain, r ListDomainNames),
    apis!("iam": r ListRoles, r ListUsers, r GetAccountSummary, r ListAccountAliases, r GetPolicyVersion),
    apis!("s3": r ListBuckets, r GetBucketLocation, r GetBucketTagging),
];

/// Services that call an API of this service on their own, without a role.
pub(crate) fn callers(service: &str) -> &'static [&'static str] {
    match service {
        "sts" => &[
            "ec2.amazonaws.com",
            "lambda.amazonaws.com",
            "ecs-tasks.amazonaws.com",
            "states.amazonaws.com",
            "config.amazonaws.com",
            "glue.amazonaws.com",
            "ssm.amazonaws.com",
            "events.amazonaws.com",
            "firehose.amazonaws.com",
        ],
        "kms" => &[
            "rds.amazonaws.com",
            "dynamodb.amazonaws.com",
            "cloudtrail.amazonaws.com",
            "delivery.logs.amazonaws.com",
            "s3.amazonaws.com",
        ],
        "secretsmanager" => &["rds.amazonaws.com", "ecs.amazonaws.com"],
        "glue" => &["athena.amazonaws.com", "firehose.amazonaws.com", "redshift.amazonaws.com"],
        "logs" => &["delivery.logs.amazonaws.com", "lambda.amazonaws.com"],
        _ => &[],
    }
}

/// Scaling out: instances, their network and their load balancer targets.
pub(crate) static SCALE_OUT: Apis = apis!("ec2": w RunInstances, w CreateNetworkInterface, w CreateTags, r DescribeInstances;
    "elasticloadbalancing": w RegisterTargets, r DescribeTargetHealth; "autoscaling": w CompleteLifecycleAction);

/// Scaling in.
pub(crate) static SCALE_IN: Apis = apis!("elasticloadbalancing": w DeregisterTargets; "ec2": w TerminateInstances,
    r DescribeInstances, w DeleteNetworkInterface);

/// Object and item level, not counted by default.
pub(crate) static DATA: &[Apis] = &[
    apis!("s3": r GetObject, w PutObject, r HeadObject, w DeleteObject),
    apis!("lambda": w Invoke),
    apis!("dynamodb": r GetItem, r Query, w PutItem, w UpdateItem),
    apis!("s3": r GetObject),
];

/// Events that services cause on their own; their host is the caller.
pub(crate) static SERVICE_EVENTS: &[(&str, Apis)] = &[
    (
        "secretsmanager.amazonaws.com",
        apis!("secretsmanager": w RotationStarted, w RotationSucceeded, w StartSecretVersionDelete, w EndSecretVersionDelete),
    ),
    ("kms.amazonaws.com", apis!("kms": w RotateKey)),
    ("backup.amazonaws.com", apis!("backup": w BackupJobStarted, w BackupJobCompleted, w BackupDeleted)),
    ("ec2.amazonaws.com", apis!("ec2": w BidEvictedEvent)),
];

/// Signing in to the console.
pub(crate) static SIGN_IN: Apis = apis!("signin": w ConsoleLogin);

/// Requests a role session as a user of a SAML provider. Identities with AWS credentials never call it.
pub(crate) static WITH_SAML: Apis = apis!("sts": r AssumeRoleWithSAML);

/// Requests a role session as a program with a token of an OIDC provider.
pub(crate) static WITH_WEB_IDENTITY: Apis = apis!("sts": r AssumeRoleWithWebIdentity);

/// What users of a directory do at its portal, in this order.
pub(crate) static PORTAL: Apis = apis!("sso": r ListAccounts, r ListAccountRoles, r GetRoleCredentials);

/// Creating a user for a new employee.
pub(crate) static ONBOARDING: Apis = apis!("iam": w CreateUser, w AddUserToGroup, w CreateLoginProfile, w CreateAccessKey,
    w AttachUserPolicy, r ListGroups, r ListUsers);

/// What the root user does.
pub(crate) static ROOT: Apis = apis!("iam": r GetAccountSummary, r ListMFADevices, r GetAccountPasswordPolicy;
    "ce": r GetCostAndUsage; "health": r DescribeEventAggregates; "organizations": r DescribeOrganization; "support": r DescribeTrustedAdvisorChecks);
