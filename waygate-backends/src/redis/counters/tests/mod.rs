//! The scripts compared with the Rust arithmetic, on a simulated clock.

mod calls;
mod edges;
mod history;
mod model;

use redis::{Cmd, Connection, Value};
use waygate_core::{
    limit::{
        Charged, Outcome, Rule,
        quota::{Nanos, SECOND},
    },
    port::Charge,
};
use waygate_faultproxy::RedisProc;

use super::{
    groups::since,
    plan::{Plan, cost_of, units_of},
    request::{Answer, Request},
    scripts,
};

/// Replaces the clock of Redis, expiry included, by the last argument.
const CLOCK: &str = include_str!("../lua/clock.lua");

const START: Nanos = 1_800_000_000 * SECOND + 3_137_000;
const MILLISECOND: Nanos = 1_000_000;

struct Scripts {
    _server: RedisProc,
    connection: Connection,
}

impl Scripts {
    fn new() -> Self {
        let server = RedisProc::start();
        let client = redis::Client::open(server.url()).unwrap();
        Self {
            connection: client.get_connection().unwrap(),
            _server: server,
        }
    }

    fn run(&mut self, source: &str, now: Nanos, arguments: impl Fn(&mut Cmd)) -> Value {
        let mut command = redis::cmd("EVAL");
        arguments(command.arg(format!("{CLOCK}{source}")));
        command.arg(now / 1_000);
        command.query(&mut self.connection).unwrap()
    }

    fn charge(&mut self, keys: &[&str], charges: &[Charge<'_>], now: Nanos) -> Vec<Outcome> {
        let mut request = Request::new();
        for (key, charge) in keys.iter().zip(charges) {
            let (plan, limit) = (Plan::of(charge.rule, now), charge.rule.capacity());
            request.add(
                (*key).to_owned(),
                plan,
                cost_of(charge),
                charge.enforced,
                limit,
            );
        }
        self.call(&[request], now).remove(0)
    }

    /// Runs one call and returns the outcomes of each request.
    fn call(&mut self, requests: &[Request], now: Nanos) -> Vec<Vec<Outcome>> {
        let answer = self.run(scripts::CHARGE_SOURCE, now, |command| {
            Request::arguments(requests.iter(), command);
        });
        let answers = Request::answers(requests.iter(), &answer).unwrap();
        let outcomes = answers.into_iter().map(|answer| match answer {
            Answer::Outcomes(outcomes) => outcomes,
            answer => panic!("{answer:?}"),
        });
        outcomes.collect()
    }

    fn adjust(&mut self, key: &str, rule: &Rule, units: i64, now: Nanos) {
        self.run(scripts::ADJUST_SOURCE, now, |command| {
            let text = Plan::of(rule, now).text(units_of(units), false);
            command.arg(1).arg(key).arg(text);
        });
    }

    fn refund(&mut self, key: &str, rule: &Rule, units: u64, taken: Charged, now: Nanos) {
        self.run(scripts::REFUND_SOURCE, now, |command| {
            let text = Plan::of(rule, now).text(units as i64, false);
            let [age, left] = since(taken, now);
            command.arg(2).arg(key).arg(format!("reset:{key}"));
            command.arg(text).arg(age).arg(left);
        });
    }

    /// Asserts that every counter expires.
    fn check_expiry(&mut self) {
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg("key*")
            .query(&mut self.connection)
            .unwrap();
        for key in keys {
            let over: Option<u64> = redis::cmd("GET")
                .arg(format!("over:{key}"))
                .query(&mut self.connection)
                .unwrap();
            assert!(over.is_some(), "{key} has no expiry");
        }
    }
}
