//! Gives callers the identities that their account trusts: users with keys, roles of services, and sessions
//! that a directory or a token provider vouches for.

use super::call::{Actor, Identity};
use super::catalog::recipe::{WITH_SAML, WITH_WEB_IDENTITY};
use super::population::Roster;
use super::principal::Principal;
use super::random::{digest, mix};
use super::tools::{MACHINE_AGENTS, SHELL_AGENTS, TERRAFORM_AGENT, public_address};
use super::workload::federated_login::FederatedLogin;

/// User agent of STS calls that a directory makes for its users.
const DIRECTORY_AGENT: &str = "aws-internal/3 aws-sdk-java/1.12.479 Linux/5.10.186-157.751.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/17.0.7+11 java/17.0.7 kotlin/1.3.72 vendor/Amazon.com_Inc. cfg/retry-mode/standard";
/// User agent of the GitHub action that fetches credentials.
const WORKFLOW_AGENT: &str =
    "aws-sdk-nodejs/2.1396.0 linux/v16.16.0 configure-aws-credentials-for-github-actions promise";

/// Share of pollers without a key that are AWS services.
const LINKED: f64 = 0.5;
/// Services that read an account continuously: the suffix of their role's name, and their host.
const WATCHERS: &[(&str, &str)] = &[
    ("Config", "config"),
    ("AccessAnalyzer", "access-analyzer"),
    ("AmazonInspector2", "inspector2"),
    ("ResourceExplorer", "resource-explorer-2"),
    ("TrustedAdvisor", "trustedadvisor"),
    ("SecurityHub", "securityhub"),
    ("ECS", "ecs"),
    ("ComputeOptimizer", "compute-optimizer"),
];

/// Share of sessions of people, and of deployments, that start with a new login.
const PERSON_SHARE: f64 = 0.6;
const PIPELINE_SHARE: f64 = 0.9;

impl Roster {
    /// Turns a role of a machine outside AWS, or of one older than roles, into a user with an access key, by
    /// chance. Returns whether it did.
    pub(crate) fn maybe_keyed(&mut self, principal: Principal) -> bool {
        let keyed = self.trust.draw.chance(self.trust.keyed);
        if keyed {
            let address = public_address(&mut self.trust.draw);
            for actor in &mut self.actors[range(principal)] {
                if let Identity::Role { role, .. } = &actor.identity {
                    actor.identity = Identity::User(role.clone());
                    actor.address.clone_from(&address);
                }
            }
        }
        keyed
    }

    /// Turns a role into a service-linked role of a monitoring service, by chance.
    pub(crate) fn maybe_linked(&mut self, principal: Principal) {
        if self.trust.draw.chance(LINKED) {
            let (role, host) = *self.trust.draw.pick(WATCHERS);
            let session = format!("{host}-{:08x}", self.trust.draw.bits() >> 32);
            let identity = Identity::Role { role: format!("AWSServiceRoleFor{role}"), session };
            for actor in &mut self.actors[range(principal)] {
                actor.identity = identity.clone();
                through(actor, host);
            }
        }
    }

    /// Makes the calls of a role come from a service that acts on its behalf.
    pub(crate) fn forwarded(&mut self, principal: Principal, services: &[&str]) {
        let host = *self.trust.draw.pick(services);
        for actor in &mut self.actors[range(principal)] {
            if matches!(actor.identity, Identity::Role { .. }) {
                through(actor, host);
            }
        }
    }

    /// The login of a person with a permission set of the directory.
    pub(crate) fn directory_login(&mut self, principal: Principal) -> Option<FederatedLogin> {
        if let Some((_, login)) = self.trust.logins.iter().find(|(actor, _)| *actor == principal.first) {
            return Some(*login);
        }
        let Identity::Role { role, session } = self.actors[principal.first as usize].identity.clone() else {
            return None;
        };
        if !role.starts_with("AWSReservedSSO_") {
            return None;
        }
        let (provider, portal) = (self.trust.qualifier.clone(), self.trust.portal.clone());
        let who_asks = self.add(Identity::Saml { provider, name: session, role }, DIRECTORY_AGENT, portal);
        let login =
            FederatedLogin { principal: who_asks, region: self.trust.home, api: &WITH_SAML[0], share: PERSON_SHARE };
        self.trust.logins.push((principal.first, login));
        Some(login)
    }

    /// The login of a pipeline that runs outside AWS, if a token provider vouches for it.
    pub(crate) fn pipeline_login(
        &mut self,
        principal: Principal,
        terraform: bool,
        region: &'static str,
    ) -> Option<FederatedLogin> {
        if !self.trust.draw.chance(self.trust.federated) {
            return None;
        }
        let draw = &mut self.trust.draw;
        let place = draw.below(4);
        let agent = match place {
            _ if terraform => TERRAFORM_AGENT,
            0..3 => WORKFLOW_AGENT,
            _ => draw.pick::<&str>(SHELL_AGENTS),
        };
        let address = public_address(draw);
        let first = self.actors.len() as u32;
        for nth in range(principal) {
            let Identity::Role { role, session } = self.actors[nth].identity.clone() else { return None };
            let (issuer, name) = match place {
                _ if terraform => (
                    "app.terraform.io",
                    format!("organization:example:project:platform:workspace:{role}:run_phase:apply"),
                ),
                0..3 => ("token.actions.githubusercontent.com", format!("repo:example/{role}:ref:refs/heads/main")),
                _ => ("gitlab.com", format!("project_path:example/{role}:ref_type:branch:ref:main")),
            };
            self.add(Identity::Web { issuer: issuer.to_owned(), name, role, session }, agent, address.clone());
        }
        Some(FederatedLogin {
            principal: Principal { first, count: principal.count },
            region,
            api: &WITH_WEB_IDENTITY[0],
            share: PIPELINE_SHARE,
        })
    }

    /// Turns a principal into the pods of one Kubernetes service account: only pods call with such tokens.
    pub(crate) fn use_pod_identities(&mut self, principal: Principal, region: &str) {
        // An account has one cluster in each region.
        let cluster = mix(digest(&self.trust.qualifier), digest(region));
        let issuer = format!("oidc.eks.{region}.amazonaws.com/id/{:016X}{:016X}", mix(cluster, 1), mix(cluster, 2));
        let space = *self.trust.draw.pick(&["default", "prod", "jobs", "kube-system", "monitoring"]);
        for actor in &mut self.actors[range(principal)] {
            let (role, session) = match actor.identity.clone() {
                Identity::Role { role, session } => (role, session),
                _ => {
                    let draw = &mut self.trust.draw;
                    (actor.agent, actor.address) = ((*draw.pick(MACHINE_AGENTS)).into(), public_address(draw));
                    (
                        format!("workload-{}", principal.first),
                        format!("botocore-session-{}", 1_700_000_000 + draw.below(50_000_000)),
                    )
                }
            };
            let name = format!("system:serviceaccount:{space}:{role}");
            actor.identity = Identity::Web { issuer: issuer.clone(), name, role, session };
        }
    }

    /// Adds the users of the account's directory, each a principal.
    pub(crate) fn directory(&mut self, count: usize) -> Vec<u32> {
        let store = format!("d-{:010x}", self.trust.draw.bits() >> 24);
        let users = (0..count).map(|_| {
            let draw = &mut self.trust.draw;
            let (high, low) = (draw.bits(), draw.bits());
            let user = format!(
                "{:08x}-{:04x}-70{:02x}-{:04x}-{:012x}",
                high >> 32,
                high >> 16 & 0xffff,
                high & 0xff,
                low >> 48,
                low & 0xffff_ffff_ffff
            );
            let (agent, address) = (*draw.pick(SHELL_AGENTS), public_address(draw));
            self.add(Identity::Directory { store: store.clone(), user }, agent, address).first
        });
        users.collect()
    }
}

/// Makes a service the caller: its host replaces the user agent and the address.
fn through(actor: &mut Actor, service: &str) {
    actor.address = format!("{service}.amazonaws.com");
    actor.agent = actor.address.clone().into();
}

fn range(principal: Principal) -> std::ops::Range<usize> {
    principal.first as usize..(principal.first + principal.count) as usize
}
