//! Attacks: bursts of calls and of errors at planned moments.

use super::*;

impl Account<'_> {
    /// One attack in each of equal parts of the time, and none in the last six hours, so that every insight
    /// can end.
    pub(super) fn attacks(&mut self) {
        let from = self.plan.start + self.plan.quiet;
        let part = (self.plan.end() - 6 * HOUR - from) / self.plan.attacks.max(1) as i64;
        for n in 0..self.plan.attacks {
            let time = from + part * n as i64 + self.random.between(0, part * 3 / 4);
            let [main, other] = self.regions();
            let region = if self.plan.regions == 1 || self.random.chance(0.7) { main } else { other };
            let intruder = self.random.pick(&INTRUDERS);
            match (n + self.number) % 6 {
                0 => self.foothold(time, region, intruder),
                1 => self.probe(time, region, intruder),
                2 => self.burst(time, region, &RUN, intruder, 70, 6 * MINUTE, None),
                3 => self.destruction(time, region, intruder),
                4 => self.burst(time, main, &HEARTBEAT, &INSTANCES[1], 240, 40 * MINUTE, None),
                _ => {
                    self.burst(time, main, &BUCKET_POLICY, &POLLERS[1], 200, 20 * MINUTE, Some("NoSuchBucketPolicy"));
                    self.burst(time, region, &SHARED_OUT, intruder, 25, 4 * MINUTE, None);
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a call's parts")]
    fn burst(
        &mut self,
        from: i64,
        region: &'static str,
        api: &'static Api,
        actor: &'static Actor,
        calls: usize,
        length: i64,
        error: Option<&'static str>,
    ) {
        for _ in 0..calls {
            let time = from + self.random.between(0, length);
            self.call(time, region, api, actor, error);
        }
    }

    /// A few calls of each API that gives a stranger lasting access.
    fn foothold(&mut self, from: i64, region: &'static str, actor: &'static Actor) {
        for (n, api) in FOOTHOLD.iter().enumerate() {
            self.burst(from + 20 * n as i64, region, api, actor, 5, 2 * MINUTE, None);
        }
    }

    /// An attacker tests the permissions of stolen credentials.
    fn probe(&mut self, from: i64, region: &'static str, actor: &'static Actor) {
        for api in &PROBED {
            self.burst(from, region, api, actor, 18, 5 * MINUTE, Some(DENIED));
        }
    }

    /// Backups and buckets are deleted; some calls fail.
    fn destruction(&mut self, from: i64, region: &'static str, actor: &'static Actor) {
        for api in &DESTROYED {
            self.burst(from, region, api, actor, 30, 8 * MINUTE, None);
            self.burst(from, region, api, actor, 12, 8 * MINUTE, Some("OperationNotPermitted"));
        }
    }
}
