//! Services that only some accounts use: data, security, edge and development.

use super::api::{Service, apis};
use super::service::service;

service! { ATHENA "athena"
    reads GetQueryExecution GetQueryResults ListQueryExecutions GetWorkGroup ListWorkGroups BatchGetQueryExecution
        GetDataCatalog ListDatabases GetTableMetadata;
    writes StartQueryExecution StopQueryExecution CreateNamedQuery UpdateWorkGroup CreateWorkGroup;
}
service! { GLUE "glue"
    reads GetTable GetPartitions GetDatabase GetTables GetJobRun GetJobRuns GetDatabases GetCrawler GetJobs GetPartition
        GetTags GetConnections GetWorkflowRun GetCrawlerMetrics;
    writes StartJobRun UpdateTable BatchCreatePartition CreateTable StartCrawler UpdateJob CreatePartition UpdatePartition
        DeleteTable BatchDeletePartition CreateJob BatchUpdatePartition DeleteTableVersion;
}
service! { EMR "elasticmapreduce"
    reads DescribeCluster ListSteps DescribeStep ListClusters ListInstances ListInstanceGroups ListBootstrapActions;
    writes RunJobFlow AddJobFlowSteps TerminateJobFlows ModifyInstanceGroups SetTerminationProtection AddTags CancelSteps;
}
service! { REDSHIFT "redshift"
    reads DescribeClusters DescribeClusterSnapshots DescribeLoggingStatus DescribeEvents DescribeClusterParameters
        DescribeTags;
    writes GetClusterCredentials CreateClusterSnapshot DeleteClusterSnapshot ModifyCluster PauseCluster ResumeCluster
        ResizeCluster;
}
service! { SAGEMAKER "sagemaker"
    reads DescribeTrainingJob ListTrainingJobs DescribeEndpoint ListEndpoints DescribeNotebookInstance
        ListNotebookInstances DescribeProcessingJob ListModels ListTags DescribeApp ListApps;
    writes CreateTrainingJob CreateProcessingJob CreateModel CreateEndpointConfig UpdateEndpoint AddTags CreateEndpoint
        StopTrainingJob StartNotebookInstance StopNotebookInstance CreatePresignedDomainUrl CreateApp DeleteApp
        DeleteModel DeleteEndpointConfig;
}
service! { BATCH "batch"
    reads DescribeJobs ListJobs DescribeJobQueues DescribeComputeEnvironments DescribeJobDefinitions;
    writes SubmitJob TerminateJob RegisterJobDefinition DeregisterJobDefinition CancelJob UpdateComputeEnvironment;
}
service! { FIREHOSE "firehose"
    reads DescribeDeliveryStream ListDeliveryStreams ListTagsForDeliveryStream;
    writes UpdateDestination CreateDeliveryStream TagDeliveryStream;
}
service! { KINESIS "kinesis"
    reads DescribeStreamSummary ListShards ListStreams DescribeStream ListStreamConsumers DescribeLimits;
    writes UpdateShardCount CreateStream RegisterStreamConsumer AddTagsToStream IncreaseStreamRetentionPeriod;
}
service! { ELASTICACHE "elasticache"
    reads DescribeCacheClusters DescribeReplicationGroups ListTagsForResource DescribeEvents DescribeSnapshots
        DescribeCacheSubnetGroups;
    writes CreateSnapshot DeleteSnapshot ModifyReplicationGroup ModifyCacheCluster AddTagsToResource;
}
service! { GUARDDUTY "guardduty"
    reads ListDetectors GetDetector ListFindings GetFindings ListMembers GetMalwareScanSettings GetFindingsStatistics
        ListFilters;
    writes ArchiveFindings UpdateFindingsFeedback CreateFilter CreateSampleFindings UpdateFilter;
}
service! { SECURITYHUB "securityhub"
    reads GetFindings DescribeHub GetEnabledStandards DescribeStandardsControls GetInsightResults ListMembers
        ListEnabledProductsForImport;
    writes BatchImportFindings BatchUpdateFindings UpdateStandardsControl CreateInsight EnableImportFindingsForProduct;
}
service! { CONFIG "config"
    reads DescribeConfigRules GetComplianceDetailsByConfigRule DescribeConfigurationRecorders GetResourceConfigHistory
        DescribeComplianceByConfigRule SelectResourceConfig DescribeConfigurationRecorderStatus DescribeDeliveryChannels
        BatchGetResourceConfig;
    writes PutEvaluations StartConfigRulesEvaluation PutConfigRule PutRemediationConfigurations TagResource;
}
service! { ACCESSANALYZER "access-analyzer"
    reads ListFindings ListAnalyzers GetFinding ValidatePolicy ListAnalyzedResources;
    writes UpdateFindings StartResourceScan ArchiveFindings;
}
service! { INSPECTOR "inspector2"
    reads ListFindings BatchGetAccountStatus ListCoverage ListCoverageStatistics ListFindingAggregations;
    writes CreateFindingsReport UpdateFilter CreateFilter;
}
service! { ROUTE53 "route53"
    reads ListHostedZones ListResourceRecordSets GetChange GetHostedZone ListHostedZonesByName ListTagsForResource
        GetHostedZoneCount ListHealthChecks;
    writes ChangeResourceRecordSets ChangeTagsForResource CreateHealthCheck CreateHostedZone DeleteHealthCheck;
}
service! { CLOUDFRONT "cloudfront"
    reads GetDistribution GetDistributionConfig ListDistributions GetInvalidation ListInvalidations ListTagsForResource
        ListCachePolicies ListFunctions GetFunction;
    writes CreateInvalidation UpdateDistribution TagResource UpdateFunction PublishFunction CreateDistribution;
}
service! { ACM "acm"
    reads DescribeCertificate ListCertificates ListTagsForCertificate GetCertificate;
    writes RequestCertificate AddTagsToCertificate DeleteCertificate RenewCertificate ImportCertificate;
}
service! { WAF "wafv2"
    reads GetWebACL ListWebACLs GetIPSet ListIPSets GetWebACLForResource ListResourcesForWebACL GetLoggingConfiguration
        GetSampledRequests;
    writes UpdateIPSet UpdateWebACL CreateIPSet AssociateWebACL PutLoggingConfiguration;
}
service! { APIGATEWAY "apigateway"
    reads GetRestApis GetRestApi GetStages GetResources GetDeployments GetDomainNames GetStage GetMethod GetUsagePlans
        GetApis GetTags;
    writes CreateDeployment UpdateStage PutRestApi UpdateRestApi PutMethod PutIntegration TagResource CreateResource
        UpdateMethod;
}
service! { CODEBUILD "codebuild"
    reads BatchGetBuilds ListBuildsForProject BatchGetProjects ListProjects ListBuilds;
    writes StartBuild UpdateProject StopBuild CreateProject CreateReport BatchPutTestCases RetryBuild;
}
service! { CODEPIPELINE "codepipeline"
    reads GetPipelineState GetPipeline ListPipelines ListPipelineExecutions PollForJobs GetPipelineExecution
        ListActionExecutions;
    writes StartPipelineExecution PutJobSuccessResult UpdatePipeline PutApprovalResult PutJobFailureResult
        RetryStageExecution;
}
service! { CODEDEPLOY "codedeploy"
    reads GetDeployment ListDeployments GetDeploymentGroup GetApplicationRevision GetDeploymentConfig
        BatchGetDeploymentTargets ListDeploymentTargets;
    writes CreateDeployment RegisterApplicationRevision StopDeployment PutLifecycleEventHookExecutionStatus
        UpdateDeploymentGroup;
}
service! { BACKUP "backup"
    reads ListBackupJobs DescribeBackupJob ListRecoveryPointsByBackupVault ListBackupVaults ListBackupPlans
        DescribeBackupVault ListProtectedResources GetBackupPlan;
    writes StartBackupJob DeleteRecoveryPoint StartCopyJob UpdateBackupPlan TagResource CreateBackupSelection;
}
service! { ORGANIZATIONS "organizations"
    reads DescribeOrganization ListAccounts DescribeAccount ListRoots ListParents ListOrganizationalUnitsForParent
        ListPoliciesForTarget ListTagsForResource DescribePolicy ListDelegatedAdministrators;
    writes TagResource UpdatePolicy MoveAccount AttachPolicy CreatePolicy;
}
service! { COST "ce"
    reads GetCostAndUsage GetCostForecast GetDimensionValues GetAnomalies GetReservationUtilization
        GetSavingsPlansUtilization GetTags;
    writes CreateCostCategoryDefinition CreateAnomalySubscription ProvideAnomalyFeedback;
}
service! { HEALTH "health"
    reads DescribeEventAggregates DescribeEvents DescribeEventDetails DescribeAffectedEntities
        DescribeEntityAggregates;
    writes EnableHealthServiceAccessForOrganization;
}
service! { TAGGING "tagging"
    reads GetResources GetTagKeys GetTagValues GetComplianceSummary;
    writes TagResources UntagResources;
}
service! { EFS "elasticfilesystem"
    reads DescribeFileSystems DescribeMountTargets DescribeTags DescribeAccessPoints DescribeLifecycleConfiguration;
    writes CreateAccessPoint TagResource DeleteAccessPoint PutLifecycleConfiguration UpdateFileSystem;
}
service! { BEDROCK "bedrock"
    reads InvokeModel ListFoundationModels GetFoundationModel InvokeModelWithResponseStream Converse
        GetFoundationModelAvailability;
    writes CreateModelInvocationJob PutModelInvocationLoggingConfiguration CreateGuardrail UpdateGuardrail;
}
service! { COGNITO "cognito-idp"
    reads DescribeUserPool ListUserPools AdminGetUser ListUsers DescribeUserPoolClient ListUserPoolClients
        AdminListGroupsForUser;
    writes AdminCreateUser AdminAddUserToGroup AdminSetUserPassword AdminUpdateUserAttributes AdminDisableUser
        UpdateUserPoolClient InitiateAuth;
}
service! { SES "ses"
    reads GetSendQuota ListIdentities GetIdentityVerificationAttributes GetSendStatistics GetAccount ListTemplates;
    writes SendEmail SendRawEmail UpdateTemplate VerifyDomainIdentity CreateTemplate;
}
service! { TRANSFER "transfer"
    reads ListServers DescribeServer ListUsers DescribeUser;
    writes CreateUser ImportSshPublicKey UpdateUser DeleteSshPublicKey UpdateServer;
}
service! { OPENSEARCH "es"
    reads DescribeElasticsearchDomains ListDomainNames DescribeDomain ListTags DescribeDomainConfig
        DescribeDomainHealth;
    writes UpdateDomainConfig StartServiceSoftwareUpdate AddTags UpgradeDomain;
}
service! { SCALING "application-autoscaling"
    reads DescribeScalableTargets DescribeScalingPolicies DescribeScalingActivities DescribeScheduledActions;
    writes RegisterScalableTarget PutScalingPolicy DeregisterScalableTarget PutScheduledAction;
}
service! { IDENTITYCENTER "sso"
    reads ListInstances ListPermissionSets DescribePermissionSet ListAccountAssignments GetInlinePolicyForPermissionSet
        ListManagedPoliciesInPermissionSet ListAccountsForProvisionedPermissionSet ListPermissionSetsProvisionedToAccount;
    writes CreateAccountAssignment ProvisionPermissionSet PutInlinePolicyToPermissionSet UpdatePermissionSet
        DeleteAccountAssignment;
}
