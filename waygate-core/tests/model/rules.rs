//! Compares compiled rules with the plain derivation, for random histories, clocks and restarts.

use std::{cell::Cell, net::IpAddr};

use proptest::{collection::vec, prelude::*};
use waygate_core::{
    Timestamp,
    decision::{Block, Facts, Gates, RouteRule, Verdict, decide},
    grammar::{EnvName, RoleName},
    model::{Effective, RouteState},
};

use super::generate::{instant, lived, probes, restart, stored};

/// A caller that every rule admits.
struct Insider;

impl Facts for Insider {
    fn client_ip(&self) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, 1]))
    }

    fn has_role(&self, _: &RoleName) -> bool {
        true
    }
}

fn env() -> EnvName {
    "production".parse().unwrap()
}

/// The verdict of a compiled rule, and the number of times it read the clock.
fn compiled(rule: &RouteRule, at: Timestamp) -> (Verdict<'_>, usize) {
    let reads = Cell::new(0);
    let gates = Gates {
        route: Some(rule),
        ..Gates::default()
    };
    let verdict = decide(gates, &Insider, || {
        reads.set(reads.get() + 1);
        at
    });
    (verdict, reads.get())
}

/// The verdict derived from the state on each request.
fn derived<'a>(state: &'a RouteState, env: &'a EnvName, at: Timestamp) -> Verdict<'a> {
    let pass = match state.deprecation {
        Some(_) => Verdict::PassDeprecated,
        None => Verdict::Pass,
    };
    if state.force_active {
        return pass;
    }
    match state.position.effective(at) {
        Effective::Open { .. } => pass,
        Effective::EnvGated { envs, .. } if envs.contains(env) => pass,
        Effective::EnvGated { envs, .. } => Verdict::Block(Block::EnvGated {
            current: env,
            allowed: envs,
        }),
        Effective::Maintenance { reason, until } => {
            Verdict::Block(Block::Maintenance { reason, until })
        }
        Effective::Disabled { reason, until } => Verdict::Block(Block::Disabled { reason, until }),
    }
}

/// The same state without networks, which might refuse the insider.
fn without_access(mut state: RouteState) -> RouteState {
    state.access = Default::default();
    state
}

fn check(state: &RouteState, compiled_at: Timestamp) -> Result<(), TestCaseError> {
    let env = env();
    let rule = RouteRule::compile(state, &env, compiled_at);
    let pending = !state.force_active && state.position.next_change(compiled_at).is_some();
    for at in probes(state, compiled_at) {
        let (verdict, reads) = compiled(&rule, at);
        prop_assert_eq!(verdict, derived(state, &env, at), "at {}", at);
        prop_assert!(reads <= usize::from(pending));
        prop_assert!(!rule.is_unrestricted() || (verdict, reads) == (Verdict::Pass, 0));
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_compiled_rule_equals_the_derivation(state in stored(), now in instant()) {
        check(&without_access(state), now)?;
    }

    #[test]
    fn restarts_and_recompiling_never_change_a_verdict(
        lived in lived(),
        recompiled in vec(instant(), 0..4),
    ) {
        let state = without_access(lived.state);
        check(&state, lived.now)?;
        let mut again = state.clone();
        for at in recompiled.into_iter().filter(|at| *at >= lived.now) {
            again = restart(&again);
            prop_assert_eq!(&again, &state);
            check(&again, at)?;
        }
    }

    #[test]
    fn is_listed_unless_disabled_or_gated_elsewhere(state in stored(), now in instant()) {
        let env = env();
        let rule = RouteRule::compile(&state, &env, now);
        for at in probes(&state, now) {
            let hidden = match state.position.effective(at) {
                Effective::Disabled { .. } => true,
                Effective::EnvGated { envs, .. } => !envs.contains(&env),
                Effective::Open { .. } | Effective::Maintenance { .. } => false,
            };
            prop_assert_eq!(rule.is_listed(at), state.force_active || !hidden);
        }
    }
}
