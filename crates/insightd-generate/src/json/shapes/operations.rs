//! Monitoring and operations: logs, alarms, trails, stacks, parameters, queues.

use super::form::{Form, form};

const NONE: &str = "null";
const TRAIL: &str = r#"{"name":"arn:aws:cloudtrail:<region>:<account>:trail/<one:management|organisation>"}"#;
const DETECTOR: &str = r#"{"detectorId":"<few:32>"}"#;
const PARAMETER: &str = r#"[{"accountId":"<account>","ARN":"arn:aws:ssm:<region>:<account>:parameter/<name>/token"}]"#;

pub(crate) const FORMS: &[Form] = &[
    // === logs, monitoring, events ===
    form("logs", "CreateLogStream DeleteLogStream", r#"{"logGroupName":"/aws/lambda/<name>","logStreamName":"2025/<number:10-12>/<number:10-28#d>/[$LATEST]<hex:32>"}"#, NONE),
    form("logs", "CreateLogGroup DeleteLogGroup", r#"{"logGroupName":"/aws/<one:lambda|ecs|codebuild>/<name>"}"#, NONE),
    form("logs", "PutRetentionPolicy", r#"{"logGroupName":"/aws/lambda/<name>","retentionInDays":<one:7|14|30|365>}"#, NONE),
    form("logs", "DescribeLogGroups", r#"{"logGroupNamePrefix":"/aws/<one:lambda|ecs|rds>/<name>","limit":50}"#, NONE),
    form("logs", "DescribeLogStreams", r#"{"logGroupName":"/aws/lambda/<name>","orderBy":"LastEventTime","descending":true,"limit":50}"#, NONE),
    form("logs", "FilterLogEvents GetLogEvents", r#"{"logGroupName":"/aws/lambda/<name>","filterPattern":"<one:ERROR|?timeout ?refused|>","startTime":<millis>,"limit":<one:100|1000|10000>}"#, NONE),
    form("logs", "StartQuery", r#"{"logGroupNames":["/aws/lambda/<name>"],"startTime":<millis>,"endTime":<millis>,"queryString":"fields @timestamp, @message | filter @message like /error/ | sort @timestamp desc | limit 200","limit":1000}"#, r#"{"queryId":"<uuid>"}"#),
    form("monitoring", "DescribeAlarms", r#"{"maxRecords":100}"#, NONE),
    form("monitoring", "GetMetricData", r#"{"metricDataQueries":[{"id":"m1","metricStat":{"metric":{"namespace":"AWS/<one:EC2|RDS|SQS|Lambda>","metricName":"<one:CPUUtilization|Errors|Duration|ApproximateNumberOfMessagesVisible>","dimensions":[{"name":"Name","value":"<name>"}]},"period":300,"stat":"Average"},"returnData":true}],"startTime":"<date:-3600>","endTime":"<date>"}"#, NONE),
    form("monitoring", "GetMetricStatistics", r#"{"namespace":"AWS/<one:EC2|RDS|SQS|Lambda>","metricName":"<one:CPUUtilization|Errors|Duration>","dimensions":[{"name":"InstanceId","value":"i-<id:17>"}],"startTime":"<date:-3600>","endTime":"<date>","period":300,"statistics":["Average"]}"#, NONE),
    form("monitoring", "PutMetricAlarm", r#"{"alarmName":"<name>","actionsEnabled":true,"alarmActions":["arn:aws:sns:<region>:<account>:alarms"],"metricName":"CPUUtilization","namespace":"AWS/EC2","statistic":"Average","dimensions":[{"name":"InstanceId","value":"i-<id:17>"}],"period":300,"evaluationPeriods":3,"threshold":80.0,"comparisonOperator":"GreaterThanThreshold"}"#, NONE),
    form("monitoring", "DeleteAlarms", r#"{"alarmNames":["<name>"]}"#, NONE),
    form("events", "PutRule", r#"{"name":"<name>","scheduleExpression":"rate(5 minutes)","state":"ENABLED","eventBusName":"default"}"#, r#"{"ruleArn":"arn:aws:events:<region>:<account>:rule/<name>"}"#),
    form("events", "DisableRule EnableRule DescribeRule", r#"{"name":"<name>","eventBusName":"default"}"#, NONE),
    form("events", "DeleteRule", r#"{"name":"<name>","force":false}"#, NONE),
    // === trails, findings, configuration ===
    form("cloudtrail", "LookupEvents", r#"{"lookupAttributes":[{"attributeKey":"EventName","attributeValue":"<one:ConsoleLogin|RunInstances|CreateUser>"}],"maxResults":50}"#, NONE),
    form("cloudtrail", "StopLogging StartLogging DeleteTrail GetTrailStatus", TRAIL, NONE),
    form("cloudtrail", "UpdateTrail", r#"{"name":"management","includeGlobalServiceEvents":false,"isMultiRegionTrail":false,"enableLogFileValidation":false}"#,
        r#"{"name":"management","s3BucketName":"<account>-trail","includeGlobalServiceEvents":false,"isMultiRegionTrail":false,"trailARN":"arn:aws:cloudtrail:<region>:<account>:trail/management","logFileValidationEnabled":false,"isOrganizationTrail":false}"#),
    form("cloudtrail", "PutEventSelectors", r#"{"trailName":"management","eventSelectors":[{"readWriteType":"ReadOnly","includeManagementEvents":false,"dataResources":[],"excludeManagementEventSources":[]}]}"#,
        r#"{"trailARN":"arn:aws:cloudtrail:<region>:<account>:trail/management","eventSelectors":[{"readWriteType":"ReadOnly","includeManagementEvents":false,"dataResources":[],"excludeManagementEventSources":[]}]}"#),
    form("guardduty", "GetDetector DeleteDetector", DETECTOR, NONE),
    form("guardduty", "UpdateDetector", r#"{"detectorId":"<few:32>","enable":false}"#, NONE),
    form("guardduty", "ListDetectors", NONE, NONE),
    form("guardduty", "GetFindings", r#"{"findingIds":["<hex:32>"],"detectorId":"<few:32>"}"#, NONE),
    form("guardduty", "ListFindings", r#"{"detectorId":"<few:32>","findingCriteria":{"criterion":{"service.archived":{"eq":["false"]},"updatedAt":{"greaterThanOrEqual":<millis>}}},"maxResults":50}"#, NONE),
    form("config", "StopConfigurationRecorder DeleteConfigurationRecorder", r#"{"configurationRecorderName":"default"}"#, NONE),
    form("config", "PutEvaluations", r#"{"evaluations":[{"complianceResourceType":"AWS::EC2::Instance","complianceResourceId":"i-<id:17>","complianceType":"COMPLIANT","orderingTimestamp":"<date>"}],"resultToken":"<base64:300>","testMode":false}"#, r#"{"failedEvaluations":[]}"#),
    // === systems manager ===
    form("ssm", "UpdateInstanceInformation", r#"{"instanceId":"i-<id:17>","agentVersion":"3.3.<number:100-999>.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"<private>","computerName":"ip-<private>.<region>.compute.internal","agentName":"amazon-ssm-agent"}"#, NONE),
    form("ssm", "UpdateInstanceAssociationStatus", r#"{"associationId":"<key-id>","instanceId":"i-<id:17>","executionResult":{"executionDate":"<date>","status":"Success","executionSummary":"1 out of 1 plugin processed, 1 success, 0 failed, 0 timedout, 0 skipped. ","errorCode":""}}"#, NONE)
        .with(r#"[{"accountId":"<account>","ARN":"arn:aws:ssm:<region>:<account>:association/<key-id>"}]"#),
    form("ssm", "ListInstanceAssociations", r#"{"instanceId":"i-<id:17>","maxResults":20}"#, NONE)
        .with(r#"[{"accountId":"<account>","ARN":"arn:aws:ec2:<region>:<account>:instance/i-<id:17>"}]"#),
    form("ssm", "PutInventory PutComplianceItems", r#"{"instanceId":"i-<id:17>","items":[{"typeName":"AWS:Application","schemaVersion":"1.1","captureTime":"<time>","contentHash":"<hex:32>"}]}"#, NONE),
    form("ssm", "GetParameter GetParameterHistory", r#"{"name":"/<name>/token","withDecryption":true}"#, NONE).with(PARAMETER),
    form("ssm", "GetParameters", r#"{"names":["/<name>/token","/<name>/endpoint","/<name>/user"],"withDecryption":true}"#, NONE).with(PARAMETER),
    form("ssm", "GetParametersByPath", r#"{"path":"/<name>/","recursive":true,"withDecryption":true,"maxResults":10}"#, NONE).with(PARAMETER),
    form("ssm", "PutParameter", r#"{"name":"/<name>/token","value":"HIDDEN_DUE_TO_SECURITY_REASONS","type":"SecureString","overwrite":true,"allowedPattern":"","tier":"Standard"}"#, r#"{"version":<number:1-40>,"tier":"Standard"}"#).with(PARAMETER),
    form("ssm", "DeleteParameter", r#"{"name":"/<name>/token"}"#, NONE).with(PARAMETER),
    form("ssm", "DescribeParameters", r#"{"parameterFilters":[{"key":"Name","option":"Equals","values":["/<name>/token"]}],"shared":false}"#, NONE),
    form("ssm", "DescribeInstanceInformation", r#"{"filters":[{"key":"InstanceIds","values":["i-<id:17>"]}],"maxResults":50}"#, NONE),
    form("ssm", "SendCommand", r#"{"instanceIds":["i-<id:17>"],"documentName":"AWS-RunShellScript","parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","interactive":false}"#,
        r#"{"command":{"commandId":"<uuid>","documentName":"AWS-RunShellScript","documentVersion":"$DEFAULT","comment":"","expiresAfter":"<date:7200>","parameters":"HIDDEN_DUE_TO_SECURITY_REASONS","instanceIds":["i-<id:17>"],"targets":[],"requestedDateTime":"<date>","status":"Pending","statusDetails":"Pending","maxConcurrency":"50","maxErrors":"0","targetCount":1,"completedCount":0,"errorCount":0,"timeoutSeconds":3600}}"#),
    form("ssm", "StartSession", r#"{"target":"i-<id:17>","documentName":"SSM-SessionManagerRunShell"}"#, r#"{"sessionId":"<caller-name>-<hex:17>","tokenValue":"Value hidden due to security reasons.","streamUrl":"wss://ssmmessages.<region>.amazonaws.com/v1/data-channel/<caller-name>-<hex:17>?role=publish_subscribe"}"#),
    // === stacks, queues, topics, machines of states ===
    form("cloudformation", "DescribeStacks DescribeStackEvents DescribeStackResources ListStackResources", r#"{"stackName":"arn:aws:cloudformation:<region>:<account>:stack/<name>/<key-id>"}"#, NONE),
    form("cloudformation", "CreateStack UpdateStack", r#"{"stackName":"<name>","templateURL":"https://<account>-artifacts.s3.<region>.amazonaws.com/<hex:40>.template","capabilities":["CAPABILITY_NAMED_IAM"],"parameters":[{"parameterKey":"Environment"},{"parameterKey":"ImageTag"}],"tags":[]}"#, r#"{"stackId":"arn:aws:cloudformation:<region>:<account>:stack/<name>/<key-id>"}"#),
    form("cloudformation", "CreateChangeSet", r#"{"stackName":"<name>","changeSetName":"deploy-<hex:12>","changeSetType":"UPDATE","templateURL":"https://<account>-artifacts.s3.<region>.amazonaws.com/<hex:40>.template","capabilities":["CAPABILITY_IAM"]}"#,
        r#"{"id":"arn:aws:cloudformation:<region>:<account>:changeSet/deploy-<hex:12>/<uuid>","stackId":"arn:aws:cloudformation:<region>:<account>:stack/<name>/<key-id>"}"#),
    form("cloudformation", "ExecuteChangeSet DescribeChangeSet", r#"{"stackName":"<name>","changeSetName":"deploy-<hex:12>"}"#, NONE),
    form("cloudformation", "DeleteStack", r#"{"stackName":"<name>","clientRequestToken":"<uuid>"}"#, NONE),
    form("sqs", "GetQueueAttributes", r#"{"queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<name>","attributeNames":["All"]}"#, NONE),
    form("sqs", "CreateQueue SetQueueAttributes", r#"{"queueName":"<name>","attribute":{"VisibilityTimeout":"30","MessageRetentionPeriod":"345600"}}"#, r#"{"queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<name>"}"#),
    form("sqs", "TagQueue DeleteQueue PurgeQueue ListQueueTags", r#"{"queueUrl":"https://sqs.<region>.amazonaws.com/<account>/<name>"}"#, NONE),
    form("sns", "GetTopicAttributes ListSubscriptionsByTopic DeleteTopic", r#"{"topicArn":"arn:aws:sns:<region>:<account>:<name>"}"#, NONE),
    form("sns", "CreateTopic", r#"{"name":"<name>","attributes":{}}"#, r#"{"topicArn":"arn:aws:sns:<region>:<account>:<name>"}"#),
    form("states", "StartExecution", r#"{"stateMachineArn":"arn:aws:states:<region>:<account>:stateMachine:<name>","name":"<uuid>","input":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#, r#"{"executionArn":"arn:aws:states:<region>:<account>:execution:<name>:<uuid>","startDate":"<date>"}"#),
    form("states", "DescribeExecution GetExecutionHistory", r#"{"executionArn":"arn:aws:states:<region>:<account>:execution:<name>:<hex:36>"}"#, NONE),
    form("organizations", "DescribeOrganization ListAccounts ListRoots LeaveOrganization", NONE, NONE),
    form("health", "DescribeEventAggregates", r#"{"filter":{"startTimes":[{"from":"<date:-604800>"}],"eventStatusCodes":["open","upcoming"]},"aggregateField":"eventTypeCategory"}"#, NONE),
];
