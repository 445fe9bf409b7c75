//! Whom an account trusts beside its own roles: users with keys, a directory of people, providers of tokens.
//!
//! It draws from a stream of its own, so that what its callers do does not depend on who they are.

use super::call::{Actor, Identity};
use super::catalogue::recipe::{WITH_SAML, WITH_WEB_IDENTITY};
use super::habit::Who;
use super::habit::gate::Gate;
use super::population::{MACHINE_AGENTS, Roster, SHELL_AGENTS, TERRAFORM_AGENT, public_address};
use super::random::{Draw, Seeds, digest, mix};
use super::settle::REGIONS;

/// STS as it is called by a directory on behalf of its users.
const DIRECTORY_AGENT: &str = "aws-internal/3 aws-sdk-java/1.12.479 Linux/5.10.186-157.751.amzn2int.x86_64 OpenJDK_64-Bit_Server_VM/17.0.7+11 java/17.0.7 kotlin/1.3.72 vendor/Amazon.com_Inc. cfg/retry-mode/standard";
/// The action that fetches credentials in workflows of GitHub.
const WORKFLOW_AGENT: &str =
    "aws-sdk-nodejs/2.1396.0 linux/v16.16.0 configure-aws-credentials-for-github-actions promise";

/// Share of pollers without a key that are services of AWS.
const LINKED: f64 = 0.5;
/// Services that look through an account all the time: the end of their role's name, and their own.
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

/// Share of pieces of work of people, and of deployments, that begin with a new session.
const PERSON_SHARE: f64 = 0.6;
const PIPELINE_SHARE: f64 = 0.9;

/// What an account trusts.
#[derive(Debug)]
pub(super) struct Trust {
    draw: Draw,
    /// Share of its machines that call as users, with long-lived keys, where nothing ties them to a role. In
    /// published records 95 % of the calls are users'; so chosen, half of the generated ones are, and the
    /// median record has the size of the published ones.
    keyed: f64,
    /// Share of its pipelines whose tokens a provider signs.
    federated: f64,
    /// Region of the organization's directory.
    home: &'static str,
    /// Name qualifier of the directory in this account: a digest (SHA-1) in base64.
    qualifier: String,
    /// Where the directory calls from.
    portal: String,
    /// Actor of a role's session and the gate that was made for it.
    gates: Vec<(u32, Gate)>,
}

impl Trust {
    /// Of an account of an organization.
    pub(super) fn new(account: Seeds, organization: Seeds) -> Self {
        let mut draw = account.stream("trust", 0);
        Self {
            keyed: draw.between(0.65, 1.0),
            federated: draw.between(0.2, 0.8),
            home: organization.stream("directory", 0).pick_skewed(&REGIONS[..6]).0,
            qualifier: qualifier(&mut draw),
            portal: public_address(&mut draw),
            gates: Vec::new(),
            draw,
        }
    }

    /// Region of the organization's directory.
    pub(super) fn home(&self) -> &'static str {
        self.home
    }
}

impl Roster {
    /// A machine outside of AWS, or one that is older than roles: often the same as a user with a key.
    /// Whether it is.
    pub(super) fn maybe_keyed(&mut self, who: Who) -> bool {
        let keyed = self.trust.draw.chance(self.trust.keyed);
        if keyed {
            let address = public_address(&mut self.trust.draw);
            for actor in &mut self.actors[range(who)] {
                if let Identity::Role { role, .. } = &actor.identity {
                    actor.identity = Identity::User(role.clone());
                    actor.address.clone_from(&address);
                }
            }
        }
        keyed
    }

    /// Now and then a service of AWS that watches over the account, with a role of its own.
    pub(super) fn maybe_linked(&mut self, who: Who) {
        if self.trust.draw.chance(LINKED) {
            let (role, host) = *self.trust.draw.pick(WATCHERS);
            let session = format!("{host}-{:08x}", self.trust.draw.bits() >> 32);
            let identity = Identity::Role { role: format!("AWSServiceRoleFor{role}"), session };
            for actor in &mut self.actors[range(who)] {
                actor.identity = identity.clone();
                through(actor, host);
            }
        }
    }

    /// Calls of a role that a service makes in its place, on what it was asked for.
    pub(super) fn forwarded(&mut self, who: Who, services: &[&str]) {
        let host = *self.trust.draw.pick(services);
        for actor in &mut self.actors[range(who)] {
            if matches!(actor.identity, Identity::Role { .. }) {
                through(actor, host);
            }
        }
    }

    /// How the sessions of somebody begin who has a permission set of the directory.
    pub(super) fn directory_gate(&mut self, who: Who) -> Option<Gate> {
        if let Some((_, gate)) = self.trust.gates.iter().find(|(actor, _)| *actor == who.first) {
            return Some(*gate);
        }
        let Identity::Role { role, session } = self.actors[who.first as usize].identity.clone() else { return None };
        if !role.starts_with("AWSReservedSSO_") {
            return None;
        }
        let (provider, portal) = (self.trust.qualifier.clone(), self.trust.portal.clone());
        let who_asks = self.add(Identity::Saml { provider, name: session, role }, DIRECTORY_AGENT, portal);
        let gate = Gate { who: who_asks, region: self.trust.home, api: &WITH_SAML[0], share: PERSON_SHARE };
        self.trust.gates.push((who.first, gate));
        Some(gate)
    }

    /// How the sessions of a pipeline's role begin that runs outside of AWS, if it does and a provider
    /// vouches for it.
    pub(super) fn pipeline_gate(&mut self, who: Who, terraform: bool, region: &'static str) -> Option<Gate> {
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
        for nth in range(who) {
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
        Some(Gate { who: Who { first, count: who.count }, region, api: &WITH_WEB_IDENTITY[0], share: PIPELINE_SHARE })
    }

    /// Makes of whoever asks with tokens the pods of one service account: nobody else has them.
    pub(super) fn workload(&mut self, who: Who, region: &str) {
        // An account has one cluster in a region.
        let cluster = mix(digest(&self.trust.qualifier), digest(region));
        let issuer = format!("oidc.eks.{region}.amazonaws.com/id/{:016X}{:016X}", mix(cluster, 1), mix(cluster, 2));
        let space = *self.trust.draw.pick(&["default", "prod", "jobs", "kube-system", "monitoring"]);
        for actor in &mut self.actors[range(who)] {
            let (role, session) = match actor.identity.clone() {
                Identity::Role { role, session } => (role, session),
                _ => {
                    let draw = &mut self.trust.draw;
                    (actor.agent, actor.address) = ((*draw.pick(MACHINE_AGENTS)).into(), public_address(draw));
                    (
                        format!("workload-{}", who.first),
                        format!("botocore-session-{}", 1_700_000_000 + draw.below(50_000_000)),
                    )
                }
            };
            let name = format!("system:serviceaccount:{space}:{role}");
            actor.identity = Identity::Web { issuer: issuer.clone(), name, role, session };
        }
    }

    /// Users of the directory that the account has, each a principal.
    pub(super) fn directory(&mut self, count: usize) -> Vec<u32> {
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

/// Lets a service make the calls: its name stands for the tool and for the address.
fn through(actor: &mut Actor, service: &str) {
    actor.address = format!("{service}.amazonaws.com");
    actor.agent = actor.address.clone().into();
}

fn range(who: Who) -> std::ops::Range<usize> {
    who.first as usize..(who.first + who.count) as usize
}

/// Twenty random bytes in base64.
fn qualifier(draw: &mut Draw) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text: String = (0..27).map(|_| char::from(*draw.pick(LETTERS))).collect();
    text + "="
}
