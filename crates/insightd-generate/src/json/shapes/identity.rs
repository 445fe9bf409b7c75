//! Access: users, roles, credentials, keys and secrets.

use super::form::{Form, form};

const NONE: &str = "null";
const ROLE: &str = r#"[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/<name>"}]"#;
const KEY: &str =
    r#"[{"accountId":"<account>","type":"AWS::KMS::Key","ARN":"arn:aws:kms:<region>:<account>:key/<key-id>"}]"#;
const SECRET: &str = r#"{"secretId":"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<few:6>"}"#;
const SECRET_ANSWER: &str = r#"{"arn":"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<few:6>"}"#;

/// A form around a trust policy, which is JSON inside a JSON string.
macro_rules! trusting {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            r#"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"<one:ec2|lambda|ecs-tasks>.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"#,
            $after
        )
    };
}

/// A form around a policy.
macro_rules! allowing {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            r#"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Own\",\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Resource\":\"arn:aws:s3:::<name#bucket>/*\"},{\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\",\"Resource\":\"arn:aws:kms:<region>:<account>:key/<key-id>\"}]}"#,
            $after
        )
    };
}

pub(crate) const FORMS: &[Form] = &[
    // === sts and signin ===
    form("sts", "AssumeRole", r#"{"roleArn":"arn:aws:iam::<account>:role/<name>","roleSessionName":"<caller-name>","durationSeconds":3600}"#,
        r#"{"credentials":{"accessKeyId":"ASIA<key:16>","sessionToken":"<base64:700>==","expiration":"<date:3600>"},"assumedRoleUser":{"assumedRoleId":"AROA<key:17#role>:<caller-name>","arn":"arn:aws:sts::<account>:assumed-role/<name>/<caller-name>"}}"#).with(ROLE),
    form("sts", "AssumeRoleWithWebIdentity", r#"{"roleArn":"arn:aws:iam::<account>:role/<assumed-role>","roleSessionName":"<assumed-session>","durationSeconds":3600}"#,
        r#"{"credentials":{"accessKeyId":"ASIA<key:16>","sessionToken":"<base64:700>==","expiration":"<date:3600>"},"subjectFromWebIdentityToken":"<caller-name>","assumedRoleUser":{"assumedRoleId":"<assumed-id>:<assumed-session>","arn":"arn:aws:sts::<account>:assumed-role/<assumed-role>/<assumed-session>"},"provider":"<provider>","audience":"sts.amazonaws.com"}"#)
        .with(r#"[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/<assumed-role>"}]"#),
    form("sts", "AssumeRoleWithSAML", r#"{"sAMLAssertionID":"_<uuid>","roleSessionName":"<assumed-session>","roleArn":"arn:aws:iam::<account>:role/<assumed-path><assumed-role>","principalArn":"arn:aws:iam::<account>:saml-provider/<trusted>","durationSeconds":43200}"#,
        r#"{"credentials":{"accessKeyId":"ASIA<key:16>","sessionToken":"<base64:700>==","expiration":"<date:43200>"},"assumedRoleUser":{"assumedRoleId":"<assumed-id>:<assumed-session>","arn":"arn:aws:sts::<account>:assumed-role/<assumed-role>/<assumed-session>"},"subject":"<caller-name>","subjectType":"persistent","issuer":"https://portal.sso.<region>.amazonaws.com/saml/assertion/<few:44>","audience":"https://signin.aws.amazon.com/saml","nameQualifier":"<provider>"}"#)
        .with(r#"[{"accountId":"<account>","type":"AWS::IAM::Role","ARN":"arn:aws:iam::<account>:role/<assumed-path><assumed-role>"},{"accountId":"<account>","type":"AWS::IAM::SAMLProvider","ARN":"arn:aws:iam::<account>:saml-provider/<trusted>"}]"#),
    form("sso", "ListAccounts ListAccountRoles GetRoleCredentials", NONE, NONE),
    form("sts", "GetAccessKeyInfo", r#"{"accessKeyId":"AKIA<key:16>"}"#, NONE),
    form("sts", "GetCallerIdentity", NONE, NONE),
    form("sts", "GetSessionToken", r#"{"durationSeconds":43200}"#, r#"{"credentials":{"accessKeyId":"ASIA<key:16>","sessionToken":"<base64:350>","expiration":"<date:43200>"}}"#),
    form("sts", "GetFederationToken", r#"{"name":"<name>","durationSeconds":43200}"#,
        r#"{"credentials":{"accessKeyId":"ASIA<key:16>","sessionToken":"<base64:500>","expiration":"<date:43200>"},"federatedUser":{"federatedUserId":"<account>:<name>","arn":"arn:aws:sts::<account>:federated-user/<name>"},"packedPolicySize":0}"#),
    form("signin", "ConsoleLogin", NONE, r#"{"ConsoleLogin":"Success"}"#),
    form("signin", "CheckMfa", NONE, r#"{"CheckMfa":"Success"}"#),
    form("signin", "SwitchRole", NONE, r#"{"SwitchRole":"Success"}"#),
    // === iam ===
    form("iam", "GetUser ListAccessKeys ListGroupsForUser ListAttachedUserPolicies ListUserPolicies GetLoginProfile ListMFADevices ListSigningCertificates ListSSHPublicKeys", r#"{"userName":"<person>"}"#, NONE),
    form("iam", "GetAccountSummary GetCredentialReport GetAccountPasswordPolicy ListAccountAliases GetAccountAuthorizationDetails ListSAMLProviders", NONE, NONE),
    form("iam", "ListRoles ListUsers ListPolicies ListGroups", r#"{"maxItems":<one:100|1000>}"#, NONE),
    form("iam", "GetRole ListRolePolicies ListAttachedRolePolicies ListInstanceProfilesForRole", r#"{"roleName":"<name>"}"#, NONE),
    form("iam", "GetRolePolicy DeleteRolePolicy", r#"{"policyName":"inline-policy","roleName":"<name>"}"#, NONE),
    form("iam", "GetPolicy GetPolicyVersion ListPolicyVersions ListEntitiesForPolicy DeletePolicy", r#"{"policyArn":"arn:aws:iam::<account>:policy/<name>"}"#, NONE),
    form("iam", "CreateUser", r#"{"path":"/","userName":"<person>","tags":[{"key":"team","value":"<one:platform|payments|data>"}]}"#,
        r#"{"user":{"path":"/","userName":"<person>","userId":"AIDA<key:17>","arn":"arn:aws:iam::<account>:user/<person>","createDate":"<date>","tags":[{"key":"team","value":"<one:platform|payments|data>"}]}}"#),
    form("iam", "DeleteUser DeleteLoginProfile", r#"{"userName":"<person>"}"#, NONE),
    form("iam", "CreateAccessKey", r#"{"userName":"<person>"}"#, r#"{"accessKey":{"accessKeyId":"AKIA<key:16>","status":"Active","userName":"<person>","createDate":"<date>"}}"#),
    form("iam", "DeleteAccessKey", r#"{"userName":"<person>","accessKeyId":"AKIA<key:16>"}"#, NONE),
    form("iam", "UpdateAccessKey", r#"{"userName":"<person>","status":"Inactive","accessKeyId":"AKIA<key:16>"}"#, NONE),
    form("iam", "CreateLoginProfile UpdateLoginProfile", r#"{"passwordResetRequired":false,"userName":"<person>"}"#, r#"{"loginProfile":{"passwordResetRequired":false,"userName":"<person>","createDate":"<date>"}}"#),
    form("iam", "AttachUserPolicy DetachUserPolicy", r#"{"userName":"<person>","policyArn":"arn:aws:iam::aws:policy/<one:AdministratorAccess|PowerUserAccess|ReadOnlyAccess>"}"#, NONE),
    form("iam", "AttachRolePolicy DetachRolePolicy", r#"{"roleName":"<name>","policyArn":"arn:aws:iam::aws:policy/<one:AmazonSSMManagedInstanceCore|AmazonS3ReadOnlyAccess|AdministratorAccess>"}"#, NONE),
    form("iam", "AddUserToGroup RemoveUserFromGroup", r#"{"userName":"<person>","groupName":"<one:developers|operators|auditors>"}"#, NONE),
    form("iam", "CreateRole", trusting!(r#"{"path":"/","roleName":"<name>","assumeRolePolicyDocument":""#, r#"","maxSessionDuration":3600,"tags":[{"key":"team","value":"platform"}]}"#),
        trusting!(r#"{"role":{"path":"/","roleName":"<name>","roleId":"AROA<key:17>","arn":"arn:aws:iam::<account>:role/<name>","createDate":"<date>","assumeRolePolicyDocument":""#, r#"","maxSessionDuration":3600,"tags":[{"key":"team","value":"platform"}]}}"#)),
    form("iam", "UpdateAssumeRolePolicy", trusting!(r#"{"policyDocument":""#, r#"","roleName":"<name>"}"#), NONE),
    form("iam", "DeleteRole", r#"{"roleName":"<name>"}"#, NONE),
    form("iam", "PutRolePolicy", allowing!(r#"{"roleName":"<name>","policyDocument":""#, r#"","policyName":"inline-policy"}"#), NONE),
    form("iam", "PutUserPolicy", allowing!(r#"{"userName":"<person>","policyDocument":""#, r#"","policyName":"inline-policy"}"#), NONE),
    form("iam", "CreatePolicy", allowing!(r#"{"policyName":"<name>","policyDocument":""#, r#"","path":"/"}"#),
        r#"{"policy":{"policyName":"<name>","policyId":"ANPA<key:17>","arn":"arn:aws:iam::<account>:policy/<name>","path":"/","defaultVersionId":"v1","attachmentCount":0,"permissionsBoundaryUsageCount":0,"isAttachable":true,"createDate":"<date>","updateDate":"<date>"}}"#),
    form("iam", "CreatePolicyVersion", allowing!(r#"{"policyArn":"arn:aws:iam::<account>:policy/<name>","policyDocument":""#, r#"","setAsDefault":true}"#),
        r#"{"policyVersion":{"versionId":"v<number:2-5>","isDefaultVersion":true,"createDate":"<date>"}}"#),
    form("iam", "CreateInstanceProfile", r#"{"instanceProfileName":"<name>","path":"/"}"#,
        r#"{"instanceProfile":{"path":"/","instanceProfileName":"<name>","instanceProfileId":"AIPA<key:17>","arn":"arn:aws:iam::<account>:instance-profile/<name>","createDate":"<date>","roles":[]}}"#),
    form("iam", "AddRoleToInstanceProfile", r#"{"instanceProfileName":"<name>","roleName":"<name>"}"#, NONE),
    // === kms and secretsmanager ===
    form("kms", "Decrypt", r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"SecretARN":"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<few:6>","SecretVersionId":"<UUID>"}}"#, NONE).with(KEY),
    form("kms", "Encrypt", r#"{"encryptionContext":{"PARAMETER_ARN":"arn:aws:ssm:<region>:<account>:parameter/<name>/token"},"keyId":"alias/aws/ssm","encryptionAlgorithm":"SYMMETRIC_DEFAULT"}"#, NONE).with(KEY),
    form("kms", "GenerateDataKey GenerateDataKeyWithoutPlaintext", r#"{"keyId":"arn:aws:kms:<region>:<account>:key/<key-id>","keySpec":"AES_256","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::<name#bucket>"}}"#, NONE).with(KEY),
    form("kms", "DescribeKey GetKeyPolicy GetKeyRotationStatus ListGrants ListResourceTags EnableKeyRotation DisableKey", r#"{"keyId":"arn:aws:kms:<region>:<account>:key/<key-id>"}"#, NONE).with(KEY),
    form("kms", "ListKeys ListAliases", r#"{"limit":<one:100|1000>}"#, NONE),
    form("kms", "CreateGrant", r#"{"keyId":"arn:aws:kms:<region>:<account>:key/<key-id>","granteePrincipal":"<one:rds|dynamodb|autoscaling>.<region>.amazonaws.com","operations":["Decrypt","GenerateDataKey","RetireGrant","DescribeKey"],"constraints":{"encryptionContextSubset":{"aws:ebs:id":"vol-<id:17>"}}}"#, r#"{"grantId":"<hex:64>","keyId":"arn:aws:kms:<region>:<account>:key/<key-id>"}"#).with(KEY),
    form("kms", "ScheduleKeyDeletion", r#"{"keyId":"<key-id>","pendingWindowInDays":<one:7|30>}"#, r#"{"keyId":"arn:aws:kms:<region>:<account>:key/<key-id>","deletionDate":"<date:604800>","keyState":"PendingDeletion","pendingWindowInDays":<one:7|30>}"#).with(KEY),
    form("secretsmanager", "GetSecretValue", r#"{"secretId":"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<few:6>","versionStage":"AWSCURRENT"}"#, NONE),
    form("secretsmanager", "DescribeSecret GetResourcePolicy ListSecretVersionIds", SECRET, NONE),
    form("secretsmanager", "ListSecrets", r#"{"maxResults":100,"filters":[{"key":"tag-key","values":["team"]}]}"#, NONE),
    form("secretsmanager", "CreateSecret", r#"{"name":"<name>","clientRequestToken":"<UUID>","description":"","forceOverwriteReplicaSecret":false}"#, SECRET_ANSWER),
    form("secretsmanager", "PutSecretValue UpdateSecret RotateSecret", r#"{"secretId":"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<few:6>","clientRequestToken":"<UUID>"}"#, SECRET_ANSWER),
    form("secretsmanager", "DeleteSecret", r#"{"secretId":"<name>","recoveryWindowInDays":<one:7|30>,"forceDeleteWithoutRecovery":false}"#, r#"{"arn":"arn:aws:secretsmanager:<region>:<account>:secret:<name>-<few:6>","deletionDate":"<date:604800>"}"#),
];
