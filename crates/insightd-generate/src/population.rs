//! The callers of an account: names, roles and sessions.

use std::borrow::Cow;

use super::call::{Actor, Identity};
use super::principal::Principal;
use super::random::Draw;
use super::tools::{MACHINE_AGENTS, TERRAFORM_AGENT, Tool, private_address, public_address, user_agent};
use super::trust::Trust;

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
/// Names of permission sets and of people's roles.
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

/// Names of roles of third-party products.
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
pub(crate) struct Roster {
    pub(crate) actors: Vec<Actor>,
    /// The kinds of identities that the account trusts.
    pub(crate) trust: Trust,
    /// Counts names, so that no two principals share one.
    named: usize,
}

impl Roster {
    /// An empty roster of an account with this trust.
    pub(crate) fn new(trust: Trust) -> Self {
        Self { actors: Vec::new(), trust, named: 0 }
    }

    /// A unique name of a person.
    fn person_name(&mut self, draw: &mut Draw) -> String {
        self.named += 1;
        format!("{}.{}{}", draw.pick(FIRST), draw.pick(LAST), self.named)
    }

    /// Adds one actor.
    pub(crate) fn add(
        &mut self,
        identity: Identity,
        agent: impl Into<Cow<'static, str>>,
        address: String,
    ) -> Principal {
        self.actors.push(Actor { identity, agent: agent.into(), address });
        Principal { first: self.actors.len() as u32 - 1, count: 1 }
    }

    /// An IAM user that a person uses.
    pub(crate) fn user(&mut self, tool: Tool, draw: &mut Draw) -> Principal {
        let name = self.person_name(draw);
        self.add(Identity::User(name), user_agent(tool, draw), public_address(draw))
    }

    /// The name of an IAM Identity Center role: a permission set, shared by everyone it is assigned to.
    pub(crate) fn permission_set(&mut self, draw: &mut Draw) -> String {
        self.named += 1;
        format!("AWSReservedSSO_{}{}_{:016x}", draw.pick(JOBS), self.named, draw.bits())
    }

    /// A person with a shared permission set: one session of its role.
    pub(crate) fn member(&mut self, set: &str, tool: Tool, draw: &mut Draw) -> Principal {
        let session = format!("{}@example.com", self.person_name(draw));
        self.add(Identity::Role { role: set.to_owned(), session }, user_agent(tool, draw), public_address(draw))
    }

    /// A person with a permission set of their own.
    pub(crate) fn staff(&mut self, tool: Tool, draw: &mut Draw) -> Principal {
        let set = self.permission_set(draw);
        self.member(&set, tool, draw)
    }

    /// A machine role with several sessions.
    pub(crate) fn role(&mut self, purpose: &str, sessions: usize, draw: &mut Draw) -> Principal {
        self.named += 1;
        let role = format!("{}-{purpose}-{}", draw.pick(TEAMS), self.named);
        let agent = *draw.pick(MACHINE_AGENTS);
        self.sessions(&role, agent, sessions, draw)
    }

    /// A pipeline role; with Terraform's user agent if it runs Terraform.
    pub(crate) fn pipeline(&mut self, terraform: bool, sessions: usize, draw: &mut Draw) -> Principal {
        self.named += 1;
        let role = format!("{}-{}-{}", draw.pick(TEAMS), if terraform { "terraform" } else { "deploy" }, self.named);
        let agent = if terraform { TERRAFORM_AGENT } else { *draw.pick(MACHINE_AGENTS) };
        self.sessions(&role, agent, sessions, draw)
    }

    /// A service-linked role: its calls come from the service.
    pub(crate) fn linked(&mut self, role: &str, service: &str) -> Principal {
        let host = format!("{service}.amazonaws.com");
        let identity = Identity::Role { role: role.to_owned(), session: service.to_owned() };
        self.add(identity, host.clone(), host)
    }

    /// The role of a third-party product: monitoring, security posture, cost.
    pub(crate) fn vendor(&mut self, draw: &mut Draw) -> Principal {
        self.named += 1;
        let role = format!("{}{}", draw.pick(VENDORS), self.named);
        let agent = *draw.pick(MACHINE_AGENTS);
        let sessions = 1 + draw.below(4);
        self.sessions(&role, agent, sessions, draw)
    }

    /// A role with several sessions.
    pub(crate) fn sessions(&mut self, role: &str, agent: &'static str, sessions: usize, draw: &mut Draw) -> Principal {
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
        Principal { first, count: sessions.max(1) as u32 }
    }

    /// A service that calls on its own.
    pub(crate) fn service(&mut self, name: &str) -> Principal {
        self.add(Identity::Service(name.to_owned()), name.to_owned(), name.to_owned())
    }

    /// A role of another account, known by its unique id and session.
    pub(crate) fn foreign(&mut self, draw: &mut Draw) -> Principal {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let id: String = (0..17).map(|_| char::from(*draw.pick(ALPHABET))).collect();
        let agent = *draw.pick(MACHINE_AGENTS);
        self.add(Identity::Foreign(format!("AROA{id}:{}", draw.pick(TEAMS))), agent, public_address(draw))
    }

    /// The root user.
    pub(crate) fn root(&mut self, draw: &mut Draw) -> Principal {
        self.add(Identity::Root, user_agent(Tool::Console, draw), public_address(draw))
    }

    /// The same person at the same address with another tool.
    pub(crate) fn with_tool(&mut self, of: u32, tool: Tool, draw: &mut Draw) -> u32 {
        let Actor { identity, address, .. } = self.actors[of as usize].clone();
        self.add(identity, user_agent(tool, draw), address).first
    }

    /// The same identity from another address with another tool: stolen credentials. A role gets a new
    /// session name.
    pub(crate) fn stolen(&mut self, of: u32, draw: &mut Draw) -> Principal {
        let identity = match self.actors[of as usize].identity.clone() {
            Identity::Role { role, .. } => Identity::Role { role, session: format!("session-{}", draw.below(100_000)) },
            other => other,
        };
        let (tool, address) = (user_agent(Tool::Shell, draw), public_address(draw));
        self.add(identity, tool, address)
    }
}
