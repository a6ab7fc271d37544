//! The store compared with the simplest correct one: a map of counters.

use std::collections::HashMap;

use proptest::{collection::vec, prelude::*};
use waygate_backends::MemoryCounters;
use waygate_core::limit::{
    Counter, MovingLog, Outcome, Rule,
    quota::{Nanos, SECOND},
};

use super::kit::*;

/// A counter for each key and rule, never forgotten.
#[derive(Default)]
struct Model {
    cells: HashMap<(u8, usize), Counter>,
    logs: HashMap<(u8, usize), MovingLog>,
}

impl Model {
    fn peek(&mut self, rules: &[Rule], (key, rule): (u8, usize), cost: u64, now: Nanos) -> Outcome {
        match rules[rule].quota(now) {
            Some(quota) => {
                quota
                    .charge(self.cells.get(&(key, rule)).copied(), cost, now)
                    .1
            }
            None => {
                let log = self.logs.entry((key, rule)).or_default();
                log.clone()
                    .charge(rules[rule].capacity(), 600 * SECOND, cost, now)
            }
        }
    }

    fn charge(
        &mut self,
        rules: &[Rule],
        (key, rule): (u8, usize),
        cost: u64,
        now: Nanos,
    ) -> Outcome {
        match rules[rule].quota(now) {
            Some(quota) => {
                let counter = self.cells.get(&(key, rule)).copied();
                let (counter, outcome) = quota.charge(counter, cost, now);
                self.cells.insert((key, rule), counter);
                outcome
            }
            None => {
                let log = self.logs.entry((key, rule)).or_default();
                log.charge(rules[rule].capacity(), 600 * SECOND, cost, now)
            }
        }
    }

    /// Makes all charges or none, across counters.
    fn decide(&mut self, rules: &[Rule], charges: &[Asked], now: Nanos) -> Vec<(bool, u64)> {
        let peeked = charges.iter();
        let allowed: Vec<bool> = peeked
            .map(|asked| self.peek(rules, asked.counter, asked.cost, now).allowed)
            .collect();
        let pass = charges
            .iter()
            .zip(&allowed)
            .all(|(asked, allowed)| *allowed || !asked.enforced);
        let mut outcomes = Vec::new();
        for (asked, allowed) in charges.iter().zip(allowed) {
            let remaining = match allowed && pass && asked.cost > 0 {
                true => self.charge(rules, asked.counter, asked.cost, now).remaining,
                false => self.peek(rules, asked.counter, 0, now).remaining,
            };
            outcomes.push((allowed, remaining));
        }
        outcomes
    }
}

#[derive(Debug, Clone)]
struct Asked {
    counter: (u8, usize),
    cost: u64,
    enforced: bool,
}

fn asked() -> impl Strategy<Value = Asked> {
    let cost = prop_oneof![4 => Just(1u64), 1 => 0u64..=6];
    let asked = ((0u8..4, 0usize..4), cost, prop::bool::weighted(0.8));
    asked.prop_map(|(counter, cost, enforced)| Asked {
        counter,
        cost,
        enforced,
    })
}

fn calls() -> impl Strategy<Value = Vec<(Nanos, Vec<Asked>)>> {
    let gap = prop_oneof![3 => Just(0), 2 => 0..100 * SECOND, 1 => 0..2_000 * SECOND];
    vec((gap, vec(asked(), 1..5)), 1..60)
}

proptest! {
    #[test]
    fn it_agrees_with_a_map_of_counters(calls in calls()) {
        let (counters, counter_key, rules) = (MemoryCounters::new(), counter_key(), rules(6));
        let (mut model, mut now) = (Model::default(), START);
        for (gap, mut asked) in calls {
            now += gap;
            asked.sort_by_key(|asked| asked.counter);
            asked.dedup_by_key(|asked| asked.counter);
            let keys: Vec<_> = asked.iter().map(|asked| [asked.counter.0, asked.counter.1 as u8]).collect();
            let charges: Vec<_> = asked.iter().zip(&keys).map(|(asked, key)| ask(&counter_key, key, &rules[asked.counter.1]).cost(asked.cost).enforced(asked.enforced)).collect();
            let outcomes = counters.charge_at(&charges, now);
            let decisions: Vec<_> = outcomes.iter().map(|outcome| (outcome.allowed, outcome.remaining)).collect();
            prop_assert_eq!(decisions, model.decide(&rules, &asked, now), "{:?} at {}", asked, now - START);
        }
    }
}
