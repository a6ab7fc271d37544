//! Faults of the counters' Redis, which clients must not notice.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use waygate::{Waygate, health::Component};
use waygate_faultproxy::eventually;

use crate::{
    http::Service,
    load::{Leg, Load},
    log::{Lines, Log},
    said::{self, settled},
    stage::{Fault, Stage},
    support::{PATIENCE, full},
};

/// The time that a request may wait for Redis.
const DEADLINE: Duration = Duration::from_millis(50);
/// The delay that a fault may add to that.
const SLACK: Duration = Duration::from_millis(25);
/// The time after which Redis counts again once it is back.
const RECOVERY: Duration = Duration::from_secs(2);
/// The highest share of requests left out for a stalled machine, of all and of those due when the fault started.
const MOST_LEFT_OUT: f64 = 0.5;
/// If the machine stalls for more than this share of the time, stalls can affect one request in a hundred.
const MOST_STOOD_STILL: f64 = 0.01;
/// The number of attempts at a leg that the machine disturbs.
const ATTEMPTS: usize = 8;

/// Expected figures of a fault.
struct Trial {
    rounds: u64,
    rate: u32,
    control: Duration,
    /// Before the fault.
    calm: Duration,
    lasts: Duration,
    /// The minimum length. Requests that wait for a silent Redis take 50 ms, and must be fewer than one in a hundred.
    least: Duration,
}

impl Trial {
    fn of(fault: Fault) -> Self {
        let seconds = Duration::from_secs;
        if full() {
            let lasts = match fault {
                Fault::Stopped | Fault::Blackholed => seconds(30),
                _ => seconds(3),
            };
            return Self {
                rounds: std::env::var("WAYGATE_TEST_ROUNDS")
                    .map_or(50, |rounds| rounds.parse().unwrap()),
                rate: 2_000,
                control: seconds(5),
                calm: seconds(1),
                lasts,
                least: seconds(10),
            };
        }
        Self {
            rounds: 1,
            rate: 400,
            control: seconds(2),
            calm: seconds(1),
            // Includes a heartbeat of an idle connection.
            lasts: Duration::from_millis(1_600),
            least: seconds(if fault.is_silent() { 8 } else { 4 }),
        }
    }
}

#[test]
fn killed() {
    meet(Fault::Killed);
}

#[test]
fn stopped() {
    meet(Fault::Stopped);
}

#[test]
fn blackholed() {
    meet(Fault::Blackholed);
}

#[test]
fn reset() {
    meet(Fault::Reset);
}

#[test]
fn corrupted() {
    meet(Fault::Corrupted);
}

#[test]
fn flushed() {
    meet(Fault::Flushed);
}

#[test]
fn out_of_memory() {
    meet(Fault::OutOfMemory);
}

#[test]
fn password_changed() {
    meet(Fault::PasswordChanged);
}

#[test]
fn promoted_behind() {
    meet(Fault::PromotedBehind);
}

/// Loads run one at a time, since they would disturb each other.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs on a runtime with a log of its own.
fn meet(fault: Fault) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = std::env::var("WAYGATE_TEST_SEED")
        .map_or_else(|_| fastrand::u64(..1_000_000), |seed| seed.parse().unwrap());
    let log = Log::default();
    let runtime = log.runtime();
    let trial = runtime.spawn(rounds(fault, seed, log));
    runtime.block_on(trial).unwrap();
}

async fn rounds(fault: Fault, seed: u64, log: Log) {
    let trial = Trial::of(fault);
    let mut bench = None;
    for seed in seed..seed + trial.rounds {
        let mut disturbed = Vec::new();
        loop {
            let mut ready = match bench.take() {
                Some(ready) => ready,
                None => Bench::start(fault).await,
            };
            let outcome = ready.round(&trial, seed, &log).await;
            // Lost state stays lost, so start with a new Redis.
            bench = (!fault.loses_state()).then_some(ready);
            match outcome {
                Ok(()) => break,
                Err(why) => disturbed.push(why),
            }
            assert!(
                disturbed.len() < ATTEMPTS,
                "{fault:?}, seed {seed}: this machine is too busy to measure anything: {disturbed:?}"
            );
        }
    }
}

struct Bench {
    fault: Fault,
    stage: Stage,
    service: Service,
}

/// The observations of one round.
struct Round {
    control: Leg,
    leg: Leg,
    begin: Instant,
    repaired: Instant,
    recovery: Duration,
    lines: Lines,
}

impl Bench {
    async fn start(fault: Fault) -> Self {
        let stage = Stage::set(fault).await;
        let service = Service::open(stage.options().deadline(DEADLINE)).await;
        stage.fall_behind();
        service.close().await;
        Self {
            fault,
            stage,
            service,
        }
    }

    /// Breaks something while requests come in, repairs it, and checks what clients and operators have seen. Returns
    /// an error if the machine disturbed the round.
    async fn round(&mut self, trial: &Trial, seed: u64, log: &Log) -> Result<(), String> {
        let Service {
            waygate, client, ..
        } = &self.service;
        // Opens connections and pages code in before measuring.
        let first = Load::on(client, trial.rate, seed);
        first.goes_on_for(Duration::from_millis(300)).await;
        first.end().await;
        let control = Load::on(client, trial.rate, seed);
        control.goes_on_for(trial.control).await;
        until(waygate, "all is well", |waygate| !is_degraded(waygate)).await;
        let control = control.end().await;

        log.drain();
        let before = waygate.counting_modes();
        let load = Load::on(client, trial.rate, seed);
        load.goes_on_for(trial.calm).await;
        let begin = Instant::now();
        self.stage.begin(seed).await;
        if self.fault.is_outage() {
            until(waygate, "the fault is noticed", is_degraded).await;
            load.goes_on_for(trial.lasts).await;
        }
        self.stage.end();
        let repaired = Instant::now();
        let recovery = self.stage.until_counted().await;
        until(waygate, "all is well again", |waygate| {
            !is_degraded(waygate)
        })
        .await;
        load.lasts(trial.least).await;
        let leg = load.end().await;
        let after = waygate.counting_modes();
        if self.fault.is_outage() {
            assert!(
                after.local > before.local && after.closed > before.closed,
                "{:?}: {before:?}, {after:?}",
                self.fault
            );
        }
        let lines = settled(self.fault, log).await;
        Round {
            control,
            leg,
            begin,
            repaired,
            recovery,
            lines,
        }
        .check(self.fault, trial, seed)
    }
}

impl Round {
    fn check(&self, fault: Fault, trial: &Trial, seed: u64) -> Result<(), String> {
        let (control, latency) = (self.control.latency(), self.leg.latency());
        println!(
            "{fault:?}, seed {seed} (WAYGATE_TEST_SEED): {} requests at {}/s; p99 {:.1?} (control {:.1?}), max {:.1?} (control \
             {:.1?}); {} left out in {:.1?} for which the machine stood still, slowest of all {:.1?}; counted again \
             after {:.0?}; {:?}",
            self.leg.requests(),
            trial.rate,
            latency.p99,
            control.p99,
            latency.max,
            control.max,
            self.leg.left_out(),
            self.leg.stalled.total(),
            self.leg.slowest(),
            self.recovery,
            self.lines,
        );
        for leg in [&self.control, &self.leg] {
            check_answers(fault, leg);
        }
        let mut problems = Vec::new();
        let p99 = (control.p99 * 5 / 4).max(control.p99 + Duration::from_millis(10));
        for (what, took, most) in [
            ("max", latency.max, control.max + DEADLINE + SLACK),
            ("p99", latency.p99, p99),
            ("counted again after", self.recovery, RECOVERY),
        ] {
            if took > most {
                problems.push(format!("{what} {took:.1?}, more than {most:.1?}"));
            }
        }
        problems.extend(said::problems(fault, &self.lines));
        match self.disturbance(problems.is_empty()) {
            Some(disturbance) => Err(format!("{disturbance}; {problems:?}")),
            None if problems.is_empty() => Ok(()),
            None => panic!("{fault:?}, seed {seed}: {problems:?}"),
        }
    }

    /// Explains why the round is inconclusive: too little was measured, or (unless it passed) the machine stalled
    /// while the fault started or ended.
    fn disturbance(&self, is_well: bool) -> Option<String> {
        for (what, leg, (from, to)) in [
            ("control", &self.control, self.control.time()),
            ("leg", &self.leg, self.leg.time()),
            ("begin", &self.leg, (self.begin, self.begin + DEADLINE)),
        ] {
            let share = leg.share_left_out(from, to);
            if share > MOST_LEFT_OUT {
                return Some(format!("{share:.2} of the requests of the {what} left out"));
            }
        }
        let end = self.repaired + self.recovery;
        let stall = self.leg.stalled.longest(self.begin, end);
        let (from, to) = self.leg.time();
        let share = self.leg.stalled.total().as_secs_f64() / (to - from).as_secs_f64();
        let is_disturbed = stall > DEADLINE / 2 || share > MOST_STOOD_STILL;
        (!is_well && is_disturbed).then(|| {
            format!("the machine stood still for {stall:.1?} then, and {share:.3} of all the time")
        })
    }
}

/// Checks that nothing fails, nothing closed opens, and used-up limits stay used up.
fn check_answers(fault: Fault, leg: &Leg) {
    for (&(path, status), &times) in &leg.answers() {
        let expected: &[u16] = match path {
            "/disabled" => &[503],
            "/closed" => &[200, 429],
            // A Redis that has lost the counter starts at zero.
            "/exhausted" if times == 1 && fault.loses_state() => &[200, 429],
            "/exhausted" => &[429],
            _ => &[200],
        };
        assert!(
            expected.contains(&status),
            "{fault:?}: {path} was answered with {status}, {times} times"
        );
    }
}

fn is_degraded(waygate: &Waygate) -> bool {
    waygate.health().contains_key(&Component::Counters)
}

async fn until(waygate: &Waygate, what: &str, holds: impl Fn(&Waygate) -> bool) {
    eventually(PATIENCE, what, || holds(waygate)).await;
}
