//! Account styles: the purpose of an account, as wide distributions around typical numbers.

use super::catalog::Service;
use super::catalog::service::*;
use super::catalog::service_more::*;
use super::random::Draw;

/// How much of what an account of a style has, in the median; each account draws its own numbers around them.
#[derive(Debug)]
pub(crate) struct Style {
    /// Share of accounts.
    pub(crate) share: f64,
    /// Calls a day of pollers, lookups and chatter, thousands.
    pub(crate) thousands: f64,
    pub(crate) people: f64,
    pub(crate) jobs: f64,
    pub(crate) pipelines: f64,
    pub(crate) terraforms: f64,
    pub(crate) waves: f64,
    pub(crate) scanners: f64,
    /// Share of the calls of machines that write.
    pub(crate) writing: f64,
    /// Odd events a week: retry loops, missing permissions, clean-ups.
    pub(crate) oddities: f64,
    /// How much more often people fail.
    pub(crate) clumsy: f64,
    /// What its people use beside [`CORE`].
    pub(crate) services: &'static [&'static Service],
}

/// What people use everywhere, the usual first.
pub(crate) const CORE: &[&Service] =
    &[&EC2, &S3, &CLOUDWATCH, &LOGS, &IAM, &LAMBDA, &KMS, &SSM, &COST, &HEALTH, &CLOUDTRAIL, &STS];

/// All services, for scanners and new projects.
pub(crate) const ALL: &[&Service] = &[
    &EC2,
    &IAM,
    &S3,
    &LAMBDA,
    &LOGS,
    &CLOUDWATCH,
    &KMS,
    &SECRETS,
    &SSM,
    &RDS,
    &ELB,
    &ASG,
    &ECS,
    &ECR,
    &EKS,
    &CFN,
    &DYNAMODB,
    &SQS,
    &SNS,
    &EVENTS,
    &STATES,
    &CLOUDTRAIL,
    &ATHENA,
    &GLUE,
    &EMR,
    &REDSHIFT,
    &SAGEMAKER,
    &BATCH,
    &FIREHOSE,
    &KINESIS,
    &ELASTICACHE,
    &GUARDDUTY,
    &SECURITYHUB,
    &CONFIG,
    &ACCESSANALYZER,
    &INSPECTOR,
    &ROUTE53,
    &CLOUDFRONT,
    &ACM,
    &WAF,
    &APIGATEWAY,
    &CODEBUILD,
    &CODEPIPELINE,
    &CODEDEPLOY,
    &BACKUP,
    &ORGANIZATIONS,
    &EFS,
    &BEDROCK,
    &COGNITO,
    &SES,
    &TRANSFER,
    &OPENSEARCH,
    &SCALING,
    &TAGGING,
    &IDENTITYCENTER,
];

static STYLES: &[Style] = &[
    // Production of a product on instances and containers.
    Style {
        share: 0.25,
        thousands: 26.0,
        people: 14.0,
        jobs: 6.0,
        pipelines: 4.0,
        terraforms: 1.5,
        waves: 2.5,
        scanners: 0.8,
        writing: 0.09,
        oddities: 0.8,
        clumsy: 1.0,
        services: &[
            &ELB,
            &ECS,
            &RDS,
            &ASG,
            &ECR,
            &SECRETS,
            &ROUTE53,
            &CLOUDFRONT,
            &ACM,
            &WAF,
            &ELASTICACHE,
            &EKS,
            &SQS,
            &SNS,
        ],
    },
    // Functions and queues.
    Style {
        share: 0.15,
        thousands: 18.0,
        people: 9.0,
        jobs: 4.0,
        pipelines: 5.0,
        terraforms: 0.5,
        waves: 0.3,
        scanners: 0.6,
        writing: 0.12,
        oddities: 0.7,
        clumsy: 1.2,
        services: &[
            &DYNAMODB,
            &APIGATEWAY,
            &CFN,
            &EVENTS,
            &SQS,
            &SNS,
            &STATES,
            &COGNITO,
            &SES,
            &SECRETS,
            &CLOUDFRONT,
            &BEDROCK,
        ],
    },
    // Data platform.
    Style {
        share: 0.15,
        thousands: 30.0,
        people: 11.0,
        jobs: 18.0,
        pipelines: 2.0,
        terraforms: 0.8,
        waves: 0.8,
        scanners: 0.6,
        writing: 0.11,
        oddities: 1.0,
        clumsy: 1.3,
        services: &[
            &ATHENA, &GLUE, &EMR, &REDSHIFT, &SAGEMAKER, &BATCH, &KINESIS, &FIREHOSE, &STATES, &DYNAMODB, &EVENTS,
            &BEDROCK,
        ],
    },
    // Builds and tests.
    Style {
        share: 0.12,
        thousands: 20.0,
        people: 8.0,
        jobs: 5.0,
        pipelines: 10.0,
        terraforms: 3.0,
        waves: 2.0,
        scanners: 0.4,
        writing: 0.11,
        oddities: 1.0,
        clumsy: 1.5,
        services: &[&CODEBUILD, &CODEPIPELINE, &ECR, &CFN, &CODEDEPLOY, &EKS, &ECS, &SECRETS, &APIGATEWAY, &EFS],
    },
    // Security tooling.
    Style {
        share: 0.08,
        thousands: 14.0,
        people: 5.0,
        jobs: 6.0,
        pipelines: 1.0,
        terraforms: 1.0,
        waves: 0.1,
        scanners: 3.0,
        writing: 0.08,
        oddities: 0.6,
        clumsy: 1.0,
        services: &[
            &GUARDDUTY,
            &SECURITYHUB,
            &CONFIG,
            &ACCESSANALYZER,
            &INSPECTOR,
            &ORGANIZATIONS,
            &IDENTITYCENTER,
            &ATHENA,
            &WAF,
            &TAGGING,
        ],
    },
    // Sandbox: people who experiment.
    Style {
        share: 0.15,
        thousands: 4.0,
        people: 10.0,
        jobs: 1.5,
        pipelines: 1.0,
        terraforms: 1.5,
        waves: 0.3,
        scanners: 0.4,
        writing: 0.08,
        oddities: 0.5,
        clumsy: 3.0,
        services: &[
            &RDS,
            &ECS,
            &EKS,
            &DYNAMODB,
            &CFN,
            &SAGEMAKER,
            &BEDROCK,
            &APIGATEWAY,
            &GLUE,
            &STATES,
            &ROUTE53,
            &CODEBUILD,
        ],
    },
    // Nearly dormant.
    Style {
        share: 0.10,
        thousands: 0.7,
        people: 1.5,
        jobs: 1.0,
        pipelines: 0.2,
        terraforms: 0.2,
        waves: 0.0,
        scanners: 0.3,
        writing: 0.06,
        oddities: 0.1,
        clumsy: 1.0,
        services: &[&RDS, &ROUTE53, &BACKUP, &ACM, &TRANSFER],
    },
];

/// The style of one account.
pub(crate) fn any(draw: &mut Draw) -> &'static Style {
    let mut at = draw.unit() * STYLES.iter().map(|style| style.share).sum::<f64>();
    for style in STYLES {
        at -= style.share;
        if at < 0.0 {
            return style;
        }
    }
    &STYLES[0]
}
