//! The ten kinds of attacks: their sizes, paces and APIs, with the reasons for the numbers.

use super::draft::{AttackRequest, Draft};
use crate::account_builder::AccountBuilder;
use crate::calendar::{DAY, MINUTE};
use crate::call::Api;
use crate::catalog::{apis, code, recipe::Apis, region_of};
use crate::label::Attack;
use crate::principal::Principal;
use crate::random::Draw;
use crate::regions::REGIONS;
use crate::style::ALL;
use crate::workload::behavior::Window;
use crate::workload::job::{Cadence, Job};
use crate::workload::script::Step;
use crate::workload::{ScheduledWorkload, WorkloadKind};

/// Persistence (ATT&CK T1136, T1098): users, access keys and permissions.
static CREDENTIALS: Apis = apis!("iam": w CreateUser, w CreateAccessKey, w AttachUserPolicy, w CreateLoginProfile, w PutUserPolicy,
    w AddUserToGroup, w UpdateLoginProfile, w CreateServiceSpecificCredential, w UpdateAssumeRolePolicy);
/// Resource hijacking (T1496).
static MINING: Apis = apis!("ec2": w RunInstances, w CreateSecurityGroup, w CreateKeyPair, w AuthorizeSecurityGroupIngress, w RequestSpotInstances);
/// Data destruction (T1485).
static DELETIONS: Apis = apis!("ec2": w DeleteSnapshot, w TerminateInstances, w DeleteVolume, w DeregisterImage; "s3": w DeleteBucket;
    "rds": w DeleteDBInstance, w DeleteDBSnapshot, w DeleteDBCluster; "dynamodb": w DeleteTable, w DeleteBackup; "secretsmanager": w DeleteSecret;
    "lambda": w DeleteFunction20150331; "kms": w ScheduleKeyDeletion; "logs": w DeleteLogGroup; "cloudformation": w DeleteStack;
    "backup": w DeleteRecoveryPoint; "ecr": w DeleteRepository; "elasticfilesystem": w DeleteFileSystem; "sqs": w DeleteQueue);
/// Transfer to another account (T1537).
static SHARING: Apis = apis!("ec2": w ModifySnapshotAttribute, w ModifyImageAttribute; "rds": w ModifyDBSnapshotAttribute,
    w ModifyDBClusterSnapshotAttribute);
/// APIs for a slow ramp: commands, exports, opened ports.
static RAMPS: Apis = apis!("ssm": w SendCommand, w StartSession; "ec2": w AuthorizeSecurityGroupIngress, w CreateSnapshot, w ModifyInstanceAttribute,
    w RunInstances, w CreateTags; "lambda": w UpdateFunctionCode20150331v2, w CreateFunction20150331; "rds": w StartExportTask, w CreateDBSnapshot;
    "s3": w PutBucketPolicy; "ecs": w RunTask; "batch": w SubmitJob; "secretsmanager": w PutSecretValue; "athena": w StartQueryExecution;
    "logs": w StartQuery, w DeleteLogStream; "iam": w UpdateAccessKey; "route53": w ChangeResourceRecordSets);
/// APIs that tools call until they are throttled.
static STORMS: Apis = apis!("ec2": r DescribeInstances, r DescribeSnapshots, r DescribeSecurityGroups, w RunInstances; "iam": r ListRoles, r GetRole;
    "ssm": r GetParameter, r GetParametersByPath, r DescribeParameters; "lambda": r ListFunctions20150331, w UpdateFunctionConfiguration20150331v2;
    "secretsmanager": r GetSecretValue, r ListSecrets; "kms": r Decrypt; "sts": r AssumeRole; "organizations": r ListAccounts; "logs": r FilterLogEvents;
    "cloudformation": r DescribeStacks; "dynamodb": r DescribeTable; "bedrock": r InvokeModel; "ecr": r GetAuthorizationToken);
/// Impairing defenses (T1562).
static LOGGING: Apis = apis!("cloudtrail": w StopLogging, w DeleteTrail, w PutEventSelectors, w UpdateTrail; "ec2": w DeleteFlowLogs;
    "config": w StopConfigurationRecorder; "guardduty": w DeleteDetector; "logs": w DeleteLogGroup);

/// Draws an attack of the requested kind that uses none of the APIs in `avoid`. None if the account has no
/// fitting region, API or time.
pub(crate) fn draft(
    builder: &AccountBuilder,
    wanted: AttackRequest,
    avoid: &[&'static Api],
    draw: &mut Draw,
) -> Option<Draft> {
    let free = |list: Apis| list.iter().filter(|api| !avoid.contains(api)).collect::<Vec<&'static Api>>();
    let place = Place { builder, start: wanted.start };
    let mut draft = match wanted.attack {
        Attack::CredentialBurst => place.credentials(&free(CREDENTIALS), draw),
        Attack::UnusedRegionMining => place.mining(&free(MINING), draw),
        Attack::DeleteSpree => place.deletions(&free(DELETIONS), draw),
        Attack::DeniedReconnaissance => place.reconnaissance(avoid, draw),
        Attack::SnapshotSharing => place.sharing(&free(SHARING), draw),
        Attack::SlowRamp => place.ramp(&free(RAMPS), draw),
        Attack::SustainedRise => place.rise(avoid, draw),
        Attack::BesideCron => place.beside_cron(avoid, wanted, draw),
        Attack::ThrottlingStorm => place.storm(&free(STORMS), draw),
        Attack::LoggingOff => place.logging(&free(LOGGING), draw),
    }?;
    draft.steps.sort_by_key(|step| step.time);
    // All calls of an attack are recorded in one region: see `some`.
    draft.region = draft.steps.first().map(|step| region_of(step.api, draft.region))?;
    Some(draft)
}

/// The account and the time of an attack.
struct Place<'a> {
    builder: &'a AccountBuilder,
    start: i64,
}

impl Place<'_> {
    fn home(&self, draw: &mut Draw) -> &'static str {
        self.builder.region(draw)
    }

    /// `calls` calls over `seconds` to these APIs (the first more often); `fails` is the share of failures
    /// and their code.
    fn burst(
        &self,
        apis: &[&'static Api],
        calls: usize,
        seconds: i64,
        fails: (f64, Code),
        draw: &mut Draw,
    ) -> Vec<Step> {
        let step = |_| {
            let api = *draw.pick_skewed(apis);
            let error = draw.chance(fails.0).then(|| fails.1(api));
            Step { time: self.start + draw.whole(0, seconds), api, error }
        };
        (0..calls).map(step).collect()
    }

    fn draft(region: &'static str, steps: Vec<Step>) -> Option<Draft> {
        Some(Draft { region, steps, user: None })
    }

    /// 4 to 25 calls in 1 to 10 minutes: a script that creates credentials to return with.
    fn credentials(&self, apis: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let apis = some(apis, 2, 4, draw)?;
        let (calls, seconds) = (between(4, 25, draw), draw.whole(1, 10) * MINUTE);
        Self::draft("us-east-1", self.burst(&apis, calls, seconds, (0.05, code::denied), draw))
    }

    /// 5 to 60 `RunInstances` in 2 to 20 minutes, up to the quota, in a region that the account does not
    /// watch.
    fn mining(&self, apis: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let run = *apis.first().filter(|api| api.name == "RunInstances")?;
        let unused: Vec<_> = REGIONS.iter().filter(|(region, _)| !self.builder.regions.contains(region)).collect();
        let region = draw.pick(&unused).0;
        let (calls, seconds) = (between(5, 60, draw), draw.whole(2, 20) * MINUTE);
        let quota = |_: &Api| "Client.VcpuLimitExceeded";
        let mut steps = self.burst(&[run], calls, seconds, (draw.between(0.05, 0.5), quota), draw);
        for api in &apis[1..] {
            if draw.chance(0.4) {
                steps.push(Step { time: self.start + draw.whole(0, 60), api, error: None });
            }
        }
        Self::draft(region, steps)
    }

    /// 10 to 150 deletions in 2 to 25 minutes, of one to three resource types.
    fn deletions(&self, apis: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let apis = some(apis, 1, 3, draw)?;
        let (calls, seconds) = (between(10, 150, draw), draw.whole(2, 25) * MINUTE);
        Self::draft(self.home(draw), self.burst(&apis, calls, seconds, (0.04, code::missing), draw))
    }

    /// 15 to 80 APIs, each called one to three times within 1 to 20 minutes; 90 % are denied.
    fn reconnaissance(&self, avoid: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let region = self.home(draw);
        let all: Vec<&'static Api> = ALL
            .iter()
            .flat_map(|service| service.reads)
            .filter(|api| !avoid.contains(api) && region_of(api, region) == region)
            .collect();
        let apis = some(&all, 15, 80, draw)?;
        let seconds = draw.whole(1, 20) * MINUTE;
        let mut steps = Vec::new();
        for api in apis {
            for _ in 0..draw.whole(1, 3) {
                let error = draw.chance(0.9).then(|| code::denied(api));
                steps.push(Step { time: self.start + draw.whole(0, seconds), api, error });
            }
        }
        Self::draft(region, steps)
    }

    /// 4 to 20 snapshots or images shared with another account in 2 to 20 minutes.
    fn sharing(&self, apis: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let apis = some(apis, 1, 2, draw)?;
        let (calls, seconds) = (between(4, 20, draw), draw.whole(2, 20) * MINUTE);
        Self::draft(self.home(draw), self.burst(&apis, calls, seconds, (0.05, code::missing), draw))
    }

    /// Grows from 1 to 10-30 calls a minute over 1 to 3 hours, linearly or quadratically: slow enough for a
    /// moving average to follow.
    fn ramp(&self, apis: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let api = *(!apis.is_empty()).then(|| draw.pick(apis))?;
        let (minutes, most) = (draw.whole(60, 180), draw.between(10.0, 30.0));
        let faster = draw.chance(0.5);
        let rate = |minute: i64| {
            let part = minute as f64 / minutes as f64;
            1.0 + (most - 1.0) * if faster { part * part } else { part }
        };
        let steps = (0..minutes).flat_map(|minute| self.minute(minute, rate(minute), api, draw)).collect();
        Self::draft(self.home(draw), steps)
    }

    fn minute(&self, minute: i64, mean: f64, api: &'static Api, draw: &mut Draw) -> Vec<Step> {
        let start = self.start + minute * MINUTE;
        (0..draw.poisson(mean)).map(|_| Step { time: start + draw.whole(0, MINUTE - 1), api, error: None }).collect()
    }

    /// Two additional calls for each usual one, for 30 to 120 minutes, on one of the three busiest write
    /// APIs: misuse that hides in the noise of a machine. The usual rate is what the account's workloads
    /// expect at that time, at least 0.7 calls a minute.
    fn rise(&self, avoid: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let mut busy = self.busy();
        busy.retain(|busy| !avoid.contains(&busy.api) && busy.rate >= 0.7);
        busy.truncate(3);
        let busy = *(!busy.is_empty()).then(|| draw.pick(&busy))?;
        let steps = (0..draw.whole(30, 120))
            .flat_map(|minute| {
                let usual = self.rate(busy.api, busy.region, self.start + minute * MINUTE);
                self.minute(minute, 2.0 * usual.max(0.35), busy.api, draw)
            })
            .collect();
        Some(Draft { region: busy.region, steps, user: self.human_or_machine(busy.principal) })
    }

    /// The principal of a workload as an attacker; none if it is a service.
    fn human_or_machine(&self, principal: Principal) -> Option<Principal> {
        self.builder.regulars.contains(&principal).then_some(principal)
    }

    fn rate(&self, api: &Api, region: &str, time: i64) -> f64 {
        self.builder.workloads.iter().map(|workload| workload.kind.workload().rate(api, region, time)).sum()
    }

    /// The APIs that write all day, the busiest first.
    fn busy(&self) -> Vec<Busy> {
        let mut busy: Vec<Busy> = Vec::new();
        for ScheduledWorkload { kind, .. } in &self.builder.workloads {
            let (principal, own_region, apis) = match kind {
                WorkloadKind::Load(load) => (load.principal, load.region, load.apis),
                WorkloadKind::Fleet(fleet) => (fleet.principal, fleet.region, fleet.apis),
                _ => continue,
            };
            for api in apis.iter().filter(|api| !api.read) {
                let region = region_of(api, own_region);
                if kind.workload().rate(api, region, self.start) > 0.0 {
                    busy.push(Busy { api, region, principal, rate: self.rate(api, region, self.start) });
                }
            }
        }
        busy.sort_by(|a, b| b.rate.total_cmp(&a.rate));
        busy.dedup_by_key(|busy| (busy.api, busy.region));
        busy
    }

    /// 15 to 60 calls of a regular job's main API, within 30 minutes of one of its runs but outside every
    /// run.
    fn beside_cron(&self, avoid: &[&'static Api], wanted: AttackRequest, draw: &mut Draw) -> Option<Draft> {
        let jobs: Vec<(&ScheduledWorkload, &Job)> = self.builder.workloads.iter().filter_map(regular_burst).collect();
        let (workload, job) = *(!jobs.is_empty()).then(|| draw.pick(&jobs))?;
        let api = &job.apis[0];
        if avoid.contains(&api) {
            return None;
        }
        let (calls, seconds) = (between(15, 60, draw), draw.whole(2, 10) * MINUTE);
        let day = self.start - (self.start - self.builder.start).rem_euclid(DAY);
        let hour = (day - self.builder.start) / 3600;
        let window = Window { start: day, seconds: DAY, hour };
        let runs = job.runs(window, &mut Draw::new(workload.key, hour as u64));
        let run = *(!runs.is_empty()).then(|| draw.pick(&runs))?;
        let gap = draw.whole(2, 18) * MINUTE;
        let start = if draw.chance(0.5) { run.end() + gap } else { run.start - gap - seconds };
        let inside = |other: &crate::workload::job::Run| {
            start <= other.end() + MINUTE && other.start <= start + seconds + MINUTE
        };
        if start < wanted.from || start > wanted.until || runs.iter().any(inside) {
            return None;
        }
        let auxiliary = Place { builder: self.builder, start };
        let steps = auxiliary.burst(&[api], calls, seconds, (0.0, code::invalid), draw);
        Some(Draft { region: job.region, steps, user: self.human_or_machine(job.principal) })
    }

    /// 50 to 400 calls in 2 to 20 minutes, 90 % throttled.
    fn storm(&self, apis: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let apis = some(apis, 1, 2, draw)?;
        let (calls, seconds) = (between(50, 400, draw), draw.whole(2, 20) * MINUTE);
        Self::draft(self.home(draw), self.burst(&apis, calls, seconds, (0.9, code::throttled), draw))
    }

    /// 2 to 6 calls in 1 to 10 minutes: enough to disable logging.
    fn logging(&self, apis: &[&'static Api], draw: &mut Draw) -> Option<Draft> {
        let apis = some(apis, 1, 3, draw)?;
        let (calls, seconds) = (between(2, 6, draw), draw.whole(1, 10) * MINUTE);
        Self::draft(self.home(draw), self.burst(&apis, calls, seconds, (0.05, code::denied), draw))
    }
}

/// Selects the error code of a failed call.
type Code = fn(&Api) -> &'static str;

/// A busy series.
#[derive(Clone, Copy, Debug)]
struct Busy {
    api: &'static Api,
    region: &'static str,
    principal: Principal,
    rate: f64,
}

/// A write job with bursts of at least ten calls on most days.
fn regular_burst(workload: &ScheduledWorkload) -> Option<(&ScheduledWorkload, &Job)> {
    let WorkloadKind::Job(job) = &workload.kind else { return None };
    let often = match job.cadence {
        Cadence::Minutes(minutes) => minutes >= 60,
        Cadence::Daily | Cadence::Weekdays => true,
        Cadence::Weekly(_) | Cadence::MonthEnd => false,
    };
    (often && job.calls >= 10.0 && !job.apis[0].read).then_some((workload, job))
}

/// `least` to `most` different APIs, all global or all regional. None if there are fewer than `least`.
fn some(apis: &[&'static Api], least: i64, most: i64, draw: &mut Draw) -> Option<Vec<&'static Api>> {
    let first = *(!apis.is_empty()).then(|| draw.pick(apis))?;
    let place = |api: &Api| region_of(api, "");
    let apis: Vec<&'static Api> = apis.iter().copied().filter(|api| place(api) == place(first)).collect();
    if (apis.len() as i64) < least {
        return None;
    }
    let count = draw.whole(least, most.min(apis.len() as i64));
    Some(draw.sample(&apis, count as usize).into_iter().copied().collect())
}

/// A number of calls; small numbers are more likely.
fn between(least: i64, most: i64, draw: &mut Draw) -> usize {
    let part = draw.unit();
    (least + (part * part * (most - least + 1) as f64) as i64).min(most) as usize
}
