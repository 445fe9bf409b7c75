//! Who there is in an account: names, roles, sessions, tools and addresses.

use std::borrow::Cow;

use super::call::{Actor, Identity};
use super::habit::Who;
use super::random::Draw;
use super::trust::Trust;

/// Tools of machines.
pub(super) const MACHINE_AGENTS: &[&str] = &[
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
/// Tools of people at a shell.
pub(super) const SHELL_AGENTS: &[&str] = &[
    "aws-cli/2.15.30 Python/3.11.8 Darwin/23.4.0 exe/x86_64 prompt/off command/ec2.describe-instances",
    "aws-cli/2.13.5 Python/3.11.4 Linux/5.15.0-76-generic exe/x86_64.ubuntu.22 prompt/off command/s3api.list-buckets",
    "aws-cli/1.29.85 md/Botocore#1.31.85 ua/2.0 os/macos#22.6.0 lang/python#3.11.6 cfg/retry-mode#legacy",
    "Boto3/1.26.165 Python/3.10.6 Linux/5.19.0-46-generic Botocore/1.29.165",
];
/// Tools of people at the console.
const CONSOLE_AGENTS: &[&str] = &[
    "AWS Internal",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0",
    "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.488 Linux/5.10.184-152.730.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/25.372-b08]",
];
/// Terraform.
pub(super) const TERRAFORM_AGENT: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io) terraform-provider-aws/5.40.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.25.3 os/linux lang/go#1.21.8 md/GOOS#linux md/GOARCH#amd64 api/ec2#1.152.0";

const FIRST: &[&str] = &[
    "ana", "ben", "chen", "dana", "eli", "fatima", "goran", "hana", "ivan", "jana", "kofi", "lena", "marco", "nadia",
    "omar", "priya", "quinn", "rosa", "sven", "tomas", "uma", "vera", "wei", "ximena", "yuki", "zoe",
];
const LAST: &[&str] = &[
    "adler", "brown", "costa", "diaz", "evans", "fischer", "garcia", "haas", "ito", "jensen", "kim", "lopez", "meyer",
    "novak", "okafor", "patel", "rossi", "silva", "tanaka", "urban", "vogel", "weber", "yilmaz", "zhang",
];
const TEAMS: &[&str] = &[
    "payments",
    "search",
    "catalog",
    "billing",
    "media",
    "ingest",
    "reporting",
    "mobile",
    "identity",
    "platform",
    "orders",
    "pricing",
    "ml",
    "crm",
    "edge",
    "fraud",
    "etl",
    "web",
];
/// What permission sets and roles of people are called.
const JOBS: &[&str] = &[
    "AdministratorAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "DataScientist",
    "DatabaseAdministrator",
    "NetworkAdministrator",
    "SecurityAudit",
    "Developer",
    "Billing",
    "SupportUser",
    "ViewOnlyAccess",
    "DevOps",
];

/// What roles of bought products are called.
const VENDORS: &[&str] = &[
    "DatadogIntegrationRole",
    "PrismaCloudRole",
    "WizAccess-Role",
    "CloudHealthRole",
    "NewRelicInfrastructure-Integrations",
    "DynatraceMonitoringRole",
    "SnykIntegration",
    "VantageCrossAccountRole",
    "OrcaSecurityRole",
    "SplunkDMReadOnly",
];

/// Builds the list of actors of an account.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) actors: Vec<Actor>,
    /// Who of them is what kind of identity.
    pub(super) trust: Trust,
    /// Numbers names, so that no two principals have the same one.
    named: usize,
}

/// How a person works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Console,
    Shell,
    Terraform,
}

impl Roster {
    /// Of an account that trusts so.
    pub(super) fn new(trust: Trust) -> Self {
        Self { actors: Vec::new(), trust, named: 0 }
    }

    /// The name of a person: no two are the same.
    fn person_name(&mut self, draw: &mut Draw) -> String {
        self.named += 1;
        format!("{}.{}{}", draw.pick(FIRST), draw.pick(LAST), self.named)
    }

    /// Somebody with a tool at an address.
    pub(super) fn add(&mut self, identity: Identity, agent: impl Into<Cow<'static, str>>, address: String) -> Who {
        self.actors.push(Actor { identity, agent: agent.into(), address });
        Who { first: self.actors.len() as u32 - 1, count: 1 }
    }

    /// An IAM user that a person uses.
    pub(super) fn user(&mut self, tool: Tool, draw: &mut Draw) -> Who {
        let name = self.person_name(draw);
        self.add(Identity::User(name), agent(tool, draw), public_address(draw))
    }

    /// The name of a role of IAM Identity Center: a permission set, which everybody shares who was given it.
    pub(super) fn permission_set(&mut self, draw: &mut Draw) -> String {
        self.named += 1;
        format!("AWSReservedSSO_{}{}_{:016x}", draw.pick(JOBS), self.named, draw.bits())
    }

    /// Somebody with a permission set: a session of its role, by the person's address.
    pub(super) fn member(&mut self, set: &str, tool: Tool, draw: &mut Draw) -> Who {
        let session = format!("{}@example.com", self.person_name(draw));
        self.add(Identity::Role { role: set.to_owned(), session }, agent(tool, draw), public_address(draw))
    }

    /// Somebody with a permission set that nobody else has.
    pub(super) fn staff(&mut self, tool: Tool, draw: &mut Draw) -> Who {
        let set = self.permission_set(draw);
        self.member(&set, tool, draw)
    }

    /// A role of a machine under several session names.
    pub(super) fn role(&mut self, purpose: &str, sessions: usize, draw: &mut Draw) -> Who {
        self.named += 1;
        let role = format!("{}-{purpose}-{}", draw.pick(TEAMS), self.named);
        let agent = *draw.pick(MACHINE_AGENTS);
        self.sessions(&role, agent, sessions, draw)
    }

    /// A role of a pipeline; with terraform where it is one.
    pub(super) fn pipeline(&mut self, terraform: bool, sessions: usize, draw: &mut Draw) -> Who {
        self.named += 1;
        let role = format!("{}-{}-{}", draw.pick(TEAMS), if terraform { "terraform" } else { "deploy" }, self.named);
        let agent = if terraform { TERRAFORM_AGENT } else { *draw.pick(MACHINE_AGENTS) };
        self.sessions(&role, agent, sessions, draw)
    }

    /// A service-linked role: its calls come from the service.
    pub(super) fn linked(&mut self, role: &str, service: &str) -> Who {
        let host = format!("{service}.amazonaws.com");
        let identity = Identity::Role { role: role.to_owned(), session: service.to_owned() };
        self.add(identity, host.clone(), host)
    }

    /// The role of a product that somebody bought: monitoring, posture, cost.
    pub(super) fn vendor(&mut self, draw: &mut Draw) -> Who {
        self.named += 1;
        let role = format!("{}{}", draw.pick(VENDORS), self.named);
        let agent = *draw.pick(MACHINE_AGENTS);
        let sessions = 1 + draw.below(4);
        self.sessions(&role, agent, sessions, draw)
    }

    /// A role under several session names.
    pub(super) fn sessions(&mut self, role: &str, agent: &'static str, sessions: usize, draw: &mut Draw) -> Who {
        let first = self.actors.len() as u32;
        let shape = draw.below(4);
        for nth in 0..sessions.max(1) {
            let session = match shape {
                0 => format!("i-{:017x}", draw.bits() >> 2),
                1 => format!("botocore-session-{}", 1_700_000_000 + draw.below(50_000_000)),
                2 => format!("build-{}", 1000 + nth * 7 + draw.below(7)),
                _ => format!("{:032x}", u128::from(draw.bits()) << 64 | u128::from(draw.bits())),
            };
            let address = if draw.chance(0.8) { private_address(draw) } else { public_address(draw) };
            self.add(Identity::Role { role: role.to_owned(), session }, agent, address);
        }
        Who { first, count: sessions.max(1) as u32 }
    }

    /// A service that calls by itself.
    pub(super) fn service(&mut self, name: &str) -> Who {
        self.add(Identity::Service(name.to_owned()), name.to_owned(), name.to_owned())
    }

    /// Somebody of another account: a role, known by its unique id and session.
    pub(super) fn foreign(&mut self, draw: &mut Draw) -> Who {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let id: String = (0..17).map(|_| char::from(*draw.pick(LETTERS))).collect();
        let agent = *draw.pick(MACHINE_AGENTS);
        self.add(Identity::Foreign(format!("AROA{id}:{}", draw.pick(TEAMS))), agent, public_address(draw))
    }

    /// The root user.
    pub(super) fn root(&mut self, draw: &mut Draw) -> Who {
        self.add(Identity::Root, agent(Tool::Console, draw), public_address(draw))
    }

    /// The same person at the same place with another tool.
    pub(super) fn with_tool(&mut self, of: u32, tool: Tool, draw: &mut Draw) -> u32 {
        let Actor { identity, address, .. } = self.actors[of as usize].clone();
        self.add(identity, agent(tool, draw), address).first
    }

    /// The same identity from elsewhere with another tool: stolen credentials. A role gets a new session
    /// name.
    pub(super) fn stolen(&mut self, of: u32, draw: &mut Draw) -> Who {
        let identity = match self.actors[of as usize].identity.clone() {
            Identity::Role { role, .. } => Identity::Role { role, session: format!("session-{}", draw.below(100_000)) },
            other => other,
        };
        let (tool, address) = (agent(Tool::Shell, draw), public_address(draw));
        self.add(identity, tool, address)
    }
}

fn agent(tool: Tool, draw: &mut Draw) -> &'static str {
    match tool {
        Tool::Console => draw.pick_skewed::<&str>(CONSOLE_AGENTS),
        Tool::Shell => draw.pick::<&str>(SHELL_AGENTS),
        Tool::Terraform => TERRAFORM_AGENT,
    }
}

pub(super) fn public_address(draw: &mut Draw) -> String {
    let first = *draw.pick(&[3, 13, 18, 34, 52, 54, 81, 84, 92, 109, 151, 178, 203]);
    format!("{first}.{}.{}.{}", draw.below(256), draw.below(256), 1 + draw.below(254))
}

fn private_address(draw: &mut Draw) -> String {
    format!("10.{}.{}.{}", draw.below(64), draw.below(256), 4 + draw.below(250))
}
