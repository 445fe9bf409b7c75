//! User agents and addresses of callers.

use super::random::Draw;

/// User agents of machines.
pub(crate) const MACHINE_AGENTS: &[&str] = &[
    "Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#5.10.219-208.866.amzn2.x86_64 md/arch#x86_64 lang/python#3.11.8 md/pyimpl#CPython exec-env/AWS_ECS_FARGATE cfg/retry-mode#legacy Botocore/1.34.69",
    "aws-sdk-go/1.44.122 (go1.20.5; linux; amd64)",
    "aws-sdk-go-v2/1.32.3 ua/2.1 os/linux lang/go#1.23.1 md/GOOS#linux md/GOARCH#amd64 exec-env/AWS_ECS_EC2 m/E,g",
    "aws-sdk-java/2.20.43 Linux/5.15.0-1040-aws OpenJDK_64-Bit_Server_VM/17.0.7+7 Java/17.0.7 vendor/Eclipse_Adoptium io/sync http/Apache cfg/retry-mode/legacy",
    "aws-sdk-nodejs/2.1394.0 linux/v18.16.0 exec-env/AWS_Lambda_nodejs18.x promise",
    "aws-sdk-go/1.55.5 (go1.22.5; linux; amd64) amazon-ssm-agent/3.3.987.0",
    "aws-cli/2.15.30 Python/3.11.8 Linux/5.10.184-175.749.amzn2.x86_64 exec-env/CodeBuild exe/x86_64.amzn.2 prompt/off",
    "aws-sdk-rust/1.3.3 ua/2.1 os/linux lang/rust#1.76.0",
    "aws-sdk-ruby3/3.170.0 ruby/3.0.6 x86_64-linux aws-sdk-ec2/1.375.0",
    "aws-sdk-js/3.485.0 ua/2.0 os/linux#5.10 lang/js md/nodejs#18.19.0 m/E,n",
];
/// User agents of people at a shell.
pub(crate) const SHELL_AGENTS: &[&str] = &[
    "aws-cli/2.15.30 Python/3.11.8 Darwin/23.4.0 exe/x86_64 prompt/off command/ec2.describe-instances",
    "aws-cli/2.13.5 Python/3.11.4 Linux/5.15.0-76-generic exe/x86_64.ubuntu.22 prompt/off command/s3api.list-buckets",
    "aws-cli/1.29.85 md/Botocore#1.31.85 ua/2.0 os/macos#22.6.0 lang/python#3.11.6 cfg/retry-mode#legacy",
    "Boto3/1.26.165 Python/3.10.6 Linux/5.19.0-46-generic Botocore/1.29.165",
];
/// User agents of people at the console.
const CONSOLE_AGENTS: &[&str] = &[
    "AWS Internal",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0",
    "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.488 Linux/5.10.184-152.730.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/25.372-b08]",
];
/// User agent of Terraform.
pub(crate) const TERRAFORM_AGENT: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io) terraform-provider-aws/5.40.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.25.3 os/linux lang/go#1.21.8 md/GOOS#linux md/GOARCH#amd64 api/ec2#1.152.0";

/// The tool of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Console,
    Shell,
    Terraform,
}

/// A user agent of a tool.
pub(crate) fn user_agent(tool: Tool, draw: &mut Draw) -> &'static str {
    match tool {
        Tool::Console => draw.pick_skewed::<&str>(CONSOLE_AGENTS),
        Tool::Shell => draw.pick::<&str>(SHELL_AGENTS),
        Tool::Terraform => TERRAFORM_AGENT,
    }
}

/// An address on the internet.
pub(crate) fn public_address(draw: &mut Draw) -> String {
    let first = *draw.pick(&[3, 13, 18, 34, 52, 54, 81, 84, 92, 109, 151, 178, 203]);
    format!("{first}.{}.{}.{}", draw.below(256), draw.below(256), 1 + draw.below(254))
}

/// An address of 10.0.0.0/8.
pub(crate) fn private_address(draw: &mut Draw) -> String {
    format!("10.{}.{}.{}", draw.below(64), draw.below(256), 4 + draw.below(250))
}
