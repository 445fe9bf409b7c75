//! Services, each with its APIs that occur in practice.

use super::api::{Service, apis};

macro_rules! service {
    ($id:ident $service:literal reads $($read:ident)+; writes $($write:ident)+;) => {
        pub(crate) static $id: Service =
            Service { reads: apis!($service: $(r $read),+), writes: apis!($service: $(w $write),+) };
    };
}
pub(crate) use service;

service! { EC2 "ec2"
    reads DescribeInstances DescribeInstanceStatus DescribeVolumes DescribeSecurityGroups DescribeSubnets DescribeVpcs
        DescribeNetworkInterfaces DescribeTags DescribeImages DescribeSnapshots DescribeRegions DescribeAvailabilityZones
        DescribeRouteTables DescribeAddresses DescribeNatGateways DescribeInternetGateways DescribeLaunchTemplates
        DescribeLaunchTemplateVersions DescribeInstanceTypes DescribeAccountAttributes DescribeVpcEndpoints DescribeKeyPairs
        DescribeNetworkAcls DescribeFlowLogs DescribeVolumeStatus DescribeInstanceAttribute DescribeVpcAttribute
        DescribeSecurityGroupRules DescribeSpotPriceHistory DescribeTransitGateways DescribeVpcPeeringConnections
        GetConsoleOutput DescribeReservedInstances DescribeSnapshotAttribute DescribeImageAttribute DescribePrefixLists;
    writes CreateTags RunInstances TerminateInstances StopInstances StartInstances AuthorizeSecurityGroupIngress
        RevokeSecurityGroupIngress CreateSecurityGroup DeleteSecurityGroup CreateSnapshot DeleteSnapshot CreateVolume AttachVolume
        DetachVolume DeleteVolume CreateImage DeregisterImage ModifyInstanceAttribute RebootInstances AllocateAddress
        AssociateAddress ReleaseAddress CreateLaunchTemplateVersion ModifyLaunchTemplate CreateNetworkInterface
        DeleteNetworkInterface AttachNetworkInterface CreateRoute DeleteTags CreateKeyPair CreateVpcEndpoint CreateSubnet
        AuthorizeSecurityGroupEgress ModifyVolume DeleteKeyPair CreateFlowLogs;
}
service! { IAM "iam"
    reads GetRole ListRoles GetUser ListUsers GetPolicy GetPolicyVersion ListAttachedRolePolicies ListRolePolicies GetRolePolicy
        ListPolicies ListAccessKeys GetAccountSummary ListAccountAliases ListMFADevices ListGroupsForUser GetInstanceProfile
        ListInstanceProfilesForRole GetAccessKeyLastUsed ListGroups GetLoginProfile ListEntitiesForPolicy ListPolicyVersions
        GetCredentialReport ListSAMLProviders GetOpenIDConnectProvider GetAccountPasswordPolicy SimulatePrincipalPolicy
        GetServiceLastAccessedDetails;
    writes CreateRole AttachRolePolicy PutRolePolicy CreatePolicyVersion DeletePolicyVersion CreatePolicy DetachRolePolicy
        UpdateAssumeRolePolicy TagRole DeleteRolePolicy DeleteRole CreateServiceLinkedRole AddRoleToInstanceProfile
        CreateInstanceProfile CreateUser AddUserToGroup CreateAccessKey UpdateAccessKey DeleteAccessKey AttachUserPolicy
        ChangePassword CreateLoginProfile GenerateCredentialReport GenerateServiceLastAccessedDetails DeletePolicy TagUser;
}
service! { S3 "s3"
    reads ListBuckets GetBucketLocation GetBucketAcl GetBucketPolicy GetBucketVersioning GetBucketEncryption GetBucketTagging
        GetBucketPublicAccessBlock GetBucketLogging GetBucketNotification GetBucketLifecycle GetBucketCors GetBucketWebsite
        GetBucketReplication GetBucketPolicyStatus GetBucketOwnershipControls GetAccountPublicAccessBlock
        GetBucketObjectLockConfiguration ListAccessPoints GetBucketIntelligentTieringConfiguration;
    writes CreateBucket PutBucketPolicy PutBucketTagging PutBucketEncryption PutBucketPublicAccessBlock PutBucketLifecycle
        PutBucketVersioning PutBucketNotification DeleteBucket PutBucketCors PutBucketLogging DeleteBucketPolicy
        PutBucketReplication PutBucketOwnershipControls PutBucketAcl;
}
service! { STS "sts"
    reads AssumeRole GetCallerIdentity GetAccessKeyInfo GetWebIdentityToken GetSessionToken DecodeAuthorizationMessage;
    writes GetFederationToken;
}
service! { LAMBDA "lambda"
    reads ListFunctions20150331 GetFunction20150331v2 GetFunctionConfiguration20150331v2 GetPolicy20150331v2
        ListTags20170331 ListVersionsByFunction20150331 GetAccountSettings20160819 ListEventSourceMappings20150331
        ListAliases20150331 ListLayers20181031 GetFunctionUrlConfig GetFunctionConcurrency20190930;
    writes UpdateFunctionCode20150331v2 UpdateFunctionConfiguration20150331v2 PublishVersion20150331 UpdateAlias20150331
        CreateFunction20150331 AddPermission20150331v2 TagResource20170331v2 CreateEventSourceMapping20150331
        DeleteFunction20150331 RemovePermission20150331v2 PutFunctionConcurrency20171031 PublishLayerVersion20181031;
}
service! { LOGS "logs"
    reads DescribeLogGroups DescribeLogStreams FilterLogEvents GetLogEvents GetQueryResults DescribeMetricFilters
        DescribeSubscriptionFilters ListTagsForResource DescribeQueries DescribeExportTasks;
    writes CreateLogStream CreateLogGroup PutRetentionPolicy StartQuery PutMetricFilter PutSubscriptionFilter DeleteLogGroup
        TagResource CreateExportTask DeleteLogStream StopQuery;
}
service! { CLOUDWATCH "monitoring"
    reads DescribeAlarms ListMetrics GetMetricData GetMetricStatistics ListDashboards GetDashboard DescribeAlarmHistory
        ListTagsForResource DescribeAnomalyDetectors GetMetricWidgetImage;
    writes PutMetricAlarm DeleteAlarms SetAlarmState PutDashboard TagResource EnableAlarmActions DisableAlarmActions;
}
service! { KMS "kms"
    reads Decrypt GenerateDataKey DescribeKey ListAliases ListKeys Encrypt GetKeyPolicy GetKeyRotationStatus
        ListResourceTags ListGrants GenerateDataKeyWithoutPlaintext;
    writes CreateGrant RetireGrant CreateKey CreateAlias EnableKeyRotation PutKeyPolicy TagResource ScheduleKeyDeletion RevokeGrant;
}
service! { SECRETS "secretsmanager"
    reads GetSecretValue DescribeSecret ListSecrets GetResourcePolicy ListSecretVersionIds BatchGetSecretValue;
    writes PutSecretValue CreateSecret UpdateSecret RotateSecret TagResource DeleteSecret UpdateSecretVersionStage
        PutResourcePolicy RestoreSecret;
}
service! { SSM "ssm"
    reads GetParameter GetParameters GetParametersByPath DescribeParameters DescribeInstanceInformation ListAssociations
        ListInstanceAssociations GetCommandInvocation ListCommandInvocations DescribeInstancePatchStates GetDocument
        DescribeSessions ListTagsForResource GetConnectionStatus GetDeployablePatchSnapshotForInstance;
    writes UpdateInstanceInformation PutParameter SendCommand StartSession TerminateSession PutInventory PutComplianceItems
        UpdateInstanceAssociationStatus AddTagsToResource DeleteParameter StartAutomationExecution OpenDataChannel
        UpdateAssociation;
}
service! { RDS "rds"
    reads DescribeDBInstances DescribeDBClusters DescribeDBSnapshots DescribeDBClusterSnapshots DescribeEvents
        ListTagsForResource DescribeDBSubnetGroups DescribeDBParameterGroups DescribeDBEngineVersions
        DescribePendingMaintenanceActions DescribeDBLogFiles DescribeOrderableDBInstanceOptions DescribeDBParameters
        DescribeOptionGroups DescribeReservedDBInstances DescribeDBSnapshotAttributes;
    writes CreateDBSnapshot DeleteDBSnapshot ModifyDBInstance AddTagsToResource CreateDBInstance CopyDBSnapshot RebootDBInstance
        DeleteDBInstance ModifyDBParameterGroup CreateDBCluster ModifyDBCluster StopDBInstance StartDBInstance
        CreateDBClusterSnapshot StartExportTask RestoreDBInstanceFromDBSnapshot;
}
service! { ELB "elasticloadbalancing"
    reads DescribeLoadBalancers DescribeTargetHealth DescribeTargetGroups DescribeListeners DescribeRules DescribeTags
        DescribeLoadBalancerAttributes DescribeTargetGroupAttributes DescribeInstanceHealth DescribeListenerCertificates;
    writes RegisterTargets DeregisterTargets ModifyRule CreateRule CreateTargetGroup ModifyTargetGroup ModifyListener AddTags
        CreateLoadBalancer DeleteRule DeleteTargetGroup SetRulePriorities CreateListener ModifyTargetGroupAttributes;
}
service! { ASG "autoscaling"
    reads DescribeAutoScalingGroups DescribeAutoScalingInstances DescribeScalingActivities DescribeTags DescribePolicies
        DescribeLaunchConfigurations DescribeLifecycleHooks DescribeScheduledActions DescribeInstanceRefreshes;
    writes SetDesiredCapacity UpdateAutoScalingGroup CompleteLifecycleAction TerminateInstanceInAutoScalingGroup
        CreateOrUpdateTags StartInstanceRefresh PutScalingPolicy CreateAutoScalingGroup SuspendProcesses ResumeProcesses
        RecordLifecycleActionHeartbeat SetInstanceHealth;
}
service! { ECS "ecs"
    reads DescribeServices DescribeTasks ListTasks DescribeTaskDefinition ListServices DescribeClusters ListClusters
        DescribeContainerInstances ListContainerInstances ListTaskDefinitions ListTagsForResource;
    writes UpdateService RegisterTaskDefinition RunTask StopTask DeregisterTaskDefinition SubmitTaskStateChange
        SubmitContainerStateChange CreateService RegisterContainerInstance UpdateContainerInstancesState DeleteService TagResource
        CreateCluster ExecuteCommand;
}
service! { ECR "ecr"
    reads GetAuthorizationToken BatchGetImage GetDownloadUrlForLayer BatchCheckLayerAvailability DescribeRepositories
        DescribeImages ListImages GetLifecyclePolicy GetRepositoryPolicy DescribeImageScanFindings;
    writes PutImage InitiateLayerUpload CompleteLayerUpload UploadLayerPart CreateRepository BatchDeleteImage
        PutLifecyclePolicy SetRepositoryPolicy StartImageScan;
}
service! { EKS "eks"
    reads DescribeCluster ListClusters DescribeNodegroup ListNodegroups ListAddons DescribeAddon ListUpdates
        DescribeUpdate DescribeAddonVersions AccessKubernetesApi;
    writes UpdateNodegroupConfig UpdateNodegroupVersion CreateNodegroup UpdateAddon CreateAddon DeleteNodegroup
        UpdateClusterConfig TagResource CreateAccessEntry;
}
service! { CFN "cloudformation"
    reads DescribeStacks DescribeStackEvents ListStacks DescribeStackResources GetTemplate ListStackResources
        DescribeChangeSet GetTemplateSummary ListExports DetectStackDrift DescribeStackDriftDetectionStatus ListStackSets;
    writes CreateChangeSet ExecuteChangeSet UpdateStack CreateStack DeleteStack DeleteChangeSet UpdateTerminationProtection
        CreateStackInstances;
}
service! { DYNAMODB "dynamodb"
    reads DescribeTable ListTables DescribeTimeToLive DescribeContinuousBackups ListTagsOfResource DescribeLimits
        ListBackups DescribeExport;
    writes UpdateTable CreateTable UpdateTimeToLive TagResource CreateBackup DeleteTable DeleteBackup UpdateContinuousBackups
        ExportTableToPointInTime;
}
service! { SQS "sqs"
    reads GetQueueAttributes ListQueues GetQueueUrl ListQueueTags ListDeadLetterSourceQueues;
    writes SetQueueAttributes CreateQueue TagQueue DeleteQueue PurgeQueue AddPermission;
}
service! { SNS "sns"
    reads ListTopics GetTopicAttributes ListSubscriptionsByTopic ListSubscriptions GetSubscriptionAttributes
        ListTagsForResource;
    writes Subscribe CreateTopic SetTopicAttributes TagResource Unsubscribe DeleteTopic SetSubscriptionAttributes
        CreatePlatformEndpoint SetEndpointAttributes;
}
service! { EVENTS "events"
    reads ListRules DescribeRule ListTargetsByRule ListEventBuses ListTagsForResource DescribeEventBus ListRuleNamesByTarget;
    writes PutRule PutTargets EnableRule DisableRule RemoveTargets DeleteRule TagResource PutPermission;
}
service! { STATES "states"
    reads DescribeExecution ListExecutions DescribeStateMachine ListStateMachines GetExecutionHistory ListTagsForResource;
    writes StartExecution UpdateStateMachine StopExecution CreateStateMachine TagResource;
}
service! { CLOUDTRAIL "cloudtrail"
    reads LookupEvents DescribeTrails GetTrailStatus GetEventSelectors ListTrails GetInsightSelectors ListTags
        GetQueryResults;
    writes StartQuery UpdateTrail AddTags CreateTrail StartLogging PutInsightSelectors;
}
