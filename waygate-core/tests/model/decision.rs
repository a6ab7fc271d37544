use std::{
    cell::{Cell, RefCell},
    net::IpAddr,
};

use jiff::SignedDuration;
use waygate_core::{
    Timestamp,
    decision::*,
    grammar::{EnvName, Interval, Reason, RoleName, parse_cidr},
    model::{
        Access, Deprecation, Disabled, GlobalMaintenance, Lifecycle, Position, RouteState, Window,
    },
};

/// Minutes after noon on some day.
fn at(minutes: i64) -> Timestamp {
    let noon: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
    noon + SignedDuration::from_mins(minutes)
}

fn reason(text: &str) -> Reason {
    text.parse().unwrap()
}

fn env() -> EnvName {
    "production".parse().unwrap()
}

/// A caller, and the facts that were read about it.
#[derive(Default)]
struct Caller {
    ip: Option<IpAddr>,
    roles: Vec<RoleName>,
    asked: RefCell<Vec<String>>,
}

impl Caller {
    fn from(ip: &str) -> Self {
        Self {
            ip: Some(ip.parse().unwrap()),
            ..Self::default()
        }
    }

    fn with(mut self, role: &str) -> Self {
        self.roles.push(role.parse().unwrap());
        self
    }

    fn asked(&self) -> Vec<String> {
        self.asked.take()
    }
}

impl Facts for Caller {
    fn client_ip(&self) -> Option<IpAddr> {
        self.asked.borrow_mut().push("ip".to_owned());
        self.ip
    }

    fn has_role(&self, role: &RoleName) -> bool {
        self.asked.borrow_mut().push(role.to_string());
        self.roles.contains(role)
    }
}

fn position(lifecycle: Lifecycle) -> RouteState {
    RouteState::default().position(Position::new(lifecycle, reason("why")))
}

fn gated(names: &[&str]) -> RouteState {
    let mut state = position(Lifecycle::Active);
    state.position.envs = Some(names.iter().map(|name| name.parse().unwrap()).collect());
    state
}

fn windows(spans: &[(i64, i64)]) -> RouteState {
    let mut state = position(Lifecycle::Active);
    state.position.windows = spans
        .iter()
        .map(|(start, end)| Window {
            interval: Interval::new(at(*start), at(*end)).unwrap(),
            reason: Reason::default(),
        })
        .collect();
    state
}

fn restricted() -> Access {
    Access::new(
        vec![
            parse_cidr("10.0.0.0/8").unwrap(),
            parse_cidr("fd00::/8").unwrap(),
        ],
        vec!["admin".parse().unwrap(), "ops".parse().unwrap()],
    )
}

fn compile(state: &RouteState) -> RouteRule {
    RouteRule::compile(state, &env(), at(0))
}

/// Decides without facts and without a clock.
fn blind<'a>(rule: &'a RouteRule, global: Option<&'a MaintenanceRule>) -> Verdict<'a> {
    let gates = Gates {
        global,
        route: Some(rule),
        ..Gates::default()
    };
    let caller = Caller::default();
    let verdict = decide(gates, &caller, || panic!("the clock was read"));
    assert!(caller.asked().is_empty());
    verdict
}

fn alone<'a>(rule: &'a RouteRule, caller: &Caller) -> Verdict<'a> {
    let gates = Gates {
        route: Some(rule),
        ..Gates::default()
    };
    decide(gates, caller, || panic!("the clock was read"))
}

fn everything() -> GlobalMaintenance {
    let mut config = GlobalMaintenance::new(reason("everything"));
    config.enabled = true;
    config
}

fn global(include_force_active: bool) -> MaintenanceRule {
    let config = everything().include_force_active(include_force_active);
    MaintenanceRule::compile(&config, at(0)).unwrap()
}

#[test]
fn every_lifecycle_has_its_verdict_without_clock_and_caller() {
    let why = reason("why");
    let maintenance = compile(&position(Lifecycle::Maintenance));
    assert_eq!(
        blind(&maintenance, None),
        Verdict::Block(Block::Maintenance {
            reason: &why,
            until: None
        })
    );
    let disabled = compile(&position(Lifecycle::Disabled(Disabled::default())));
    assert_eq!(
        blind(&disabled, None),
        Verdict::Block(Block::Disabled {
            reason: &why,
            until: None
        })
    );
    let elsewhere = compile(&gated(&["dev", "staging"]));
    let allowed = ["dev".parse().unwrap(), "staging".parse().unwrap()];
    assert_eq!(
        blind(&elsewhere, None),
        Verdict::Block(Block::EnvGated {
            current: &env(),
            allowed: &allowed
        })
    );
    let nowhere = compile(&gated(&[]));
    assert!(matches!(
        blind(&nowhere, None),
        Verdict::Block(Block::EnvGated { allowed: [], .. })
    ));
    assert_eq!(
        blind(&compile(&gated(&["dev", "production"])), None),
        Verdict::Pass
    );
    assert_eq!(blind(&compile(&RouteState::default()), None), Verdict::Pass);
}

#[test]
fn a_deprecated_route_is_served_with_an_announcement() {
    let mut state = RouteState::default().deprecation(Deprecation::default());
    assert_eq!(blind(&compile(&state), None), Verdict::PassDeprecated);
    state.force_active = true;
    assert_eq!(blind(&compile(&state), None), Verdict::PassDeprecated);
    state.force_active = false;
    state.position.lifecycle = Lifecycle::Maintenance;
    assert!(matches!(blind(&compile(&state), None), Verdict::Block(_)));
}

#[test]
fn global_maintenance_precedes_everything_but_force_active() {
    let everything = global(false);
    let expected = reason("everything");
    let blocked = Verdict::Block(Block::GlobalMaintenance {
        reason: &expected,
        until: None,
    });
    let mut disabled = position(Lifecycle::Disabled(Disabled::default()));
    disabled.access = restricted();
    for state in [
        &RouteState::default(),
        &disabled,
        &gated(&["dev"]),
        &windows(&[(0, 1)]),
    ] {
        assert_eq!(blind(&compile(state), Some(&everything)), blocked);
    }
    let forced = RouteState::default().force_active(true);
    assert_eq!(blind(&compile(&forced), Some(&everything)), Verdict::Pass);
    assert_eq!(blind(&compile(&forced), Some(&global(true))), blocked);
}

#[test]
fn a_block_lasts_until_the_last_gate_opens() {
    let until = |end: Option<i64>| {
        let config = everything().end(end.map(at));
        MaintenanceRule::compile(&config, at(0)).unwrap()
    };
    let (short, long, endless) = (until(Some(10)), until(Some(20)), until(None));
    let disabled = |end: Option<i64>| {
        let until = end.map(at);
        compile(&position(Lifecycle::Disabled({
            let mut disabled = Disabled::default();
            disabled.until = until;
            disabled
        })))
    };
    let (open, env) = (compile(&RouteState::default()), compile(&gated(&["dev"])));
    let (own_30, own_5, own) = (disabled(Some(30)), disabled(Some(5)), disabled(None));
    for (global, service, route, expected) in [
        (Some(&short), None, &open, Some(10)),
        (Some(&short), Some(&long), &open, Some(20)),
        (Some(&long), Some(&short), &open, Some(20)),
        (None, Some(&short), &open, Some(10)),
        (Some(&short), Some(&endless), &open, None),
        (Some(&endless), Some(&short), &open, None),
        (Some(&short), Some(&long), &own_30, Some(30)),
        (Some(&short), Some(&long), &own_5, Some(20)),
        (None, Some(&long), &own_30, Some(30)),
        (Some(&short), None, &own, None),
        (Some(&short), None, &env, None),
    ] {
        let gates = Gates {
            global,
            service,
            route: Some(route),
        };
        let verdict = decide(gates, &Caller::default(), || at(1));
        let found = match verdict {
            Verdict::Block(
                Block::GlobalMaintenance { until, .. } | Block::ServiceMaintenance { until, .. },
            ) => until,
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected.map(at), "{verdict:?}");
    }
}

#[test]
fn service_maintenance_is_named_unless_global_maintenance_is_on() {
    let (rule, route) = (global(false), compile(&RouteState::default()));
    let blocked = |global| {
        let gates = Gates {
            global,
            service: Some(&rule),
            route: Some(&route),
        };
        decide(gates, &Caller::default(), || panic!("the clock was read"))
    };
    assert!(matches!(
        blocked(None),
        Verdict::Block(Block::ServiceMaintenance { .. })
    ));
    assert!(matches!(
        blocked(Some(&rule)),
        Verdict::Block(Block::GlobalMaintenance { .. })
    ));
}

#[test]
fn only_global_maintenance_applies_to_unmatched_requests() {
    let everything = global(false);
    let decide = |global| {
        let gates = Gates {
            global,
            ..Gates::default()
        };
        decide(gates, &Caller::default(), || panic!("the clock was read"))
    };
    assert_eq!(decide(None), Verdict::Pass);
    assert!(matches!(
        decide(Some(&everything)),
        Verdict::Block(Block::GlobalMaintenance { .. })
    ));
}

#[test]
fn a_force_active_route_ignores_its_own_gates() {
    for mut state in [
        position(Lifecycle::Maintenance),
        position(Lifecycle::Disabled(Disabled::default())),
        gated(&[]),
        windows(&[(0, 1)]),
    ] {
        state.force_active = true;
        state.access = restricted();
        assert_eq!(blind(&compile(&state), None), Verdict::Pass);
    }
}

#[test]
fn lifecycle_precedes_networks_and_networks_precede_roles() {
    let mut state = position(Lifecycle::Maintenance);
    state.access = restricted();
    assert!(matches!(
        blind(&compile(&state), None),
        Verdict::Block(Block::Maintenance { .. })
    ));
    state.position.lifecycle = Lifecycle::Active;
    let rule = compile(&state);
    let stranger = Caller::from("192.0.2.1").with("admin");
    assert_eq!(alone(&rule, &stranger), Verdict::Block(Block::IpNotAllowed));
    assert_eq!(stranger.asked(), ["ip"]);
    let stranger = Caller::from("10.1.2.3");
    let roles = ["admin".parse().unwrap(), "ops".parse().unwrap()];
    assert_eq!(
        alone(&rule, &stranger),
        Verdict::Block(Block::RoleRequired { roles: &roles })
    );
    assert_eq!(stranger.asked(), ["ip", "admin", "ops"]);
    assert_eq!(
        alone(&rule, &Caller::from("10.1.2.3").with("ops")),
        Verdict::Pass
    );
}

#[test]
fn only_facts_that_a_rule_depends_on_are_read() {
    let mut state = RouteState::default();
    state.access.roles = restricted().roles;
    let admin = Caller::default().with("admin");
    assert_eq!(alone(&compile(&state), &admin), Verdict::Pass);
    assert_eq!(admin.asked(), ["admin"]);
    state.access = Access::new(restricted().ips, []);
    let local = Caller::from("fd00::1");
    assert_eq!(alone(&compile(&state), &local), Verdict::Pass);
    assert_eq!(local.asked(), ["ip"]);
}

#[test]
fn an_unknown_address_is_in_no_network() {
    let mut state = RouteState::default();
    state.access.ips = vec![
        parse_cidr("0.0.0.0/0").unwrap(),
        parse_cidr("::/0").unwrap(),
    ];
    let rule = compile(&state);
    assert_eq!(
        alone(&rule, &Caller::default()),
        Verdict::Block(Block::IpNotAllowed)
    );
    assert_eq!(alone(&rule, &Caller::from("192.0.2.1")), Verdict::Pass);
}

#[test]
fn a_mapped_address_equals_the_ipv4_address() {
    let mut state = RouteState::default();
    for network in ["10.0.0.0/8", "::ffff:10.0.0.0/104"] {
        state.access.ips = vec![network.parse().unwrap()];
        let rule = compile(&state);
        for (address, verdict) in [
            ("10.1.2.3", Verdict::Pass),
            ("::ffff:10.1.2.3", Verdict::Pass),
            ("11.1.2.3", Verdict::Block(Block::IpNotAllowed)),
            ("::ffff:11.1.2.3", Verdict::Block(Block::IpNotAllowed)),
        ] {
            assert_eq!(
                alone(&rule, &Caller::from(address)),
                verdict,
                "{address} in {network}"
            );
        }
    }
}

#[test]
fn the_clock_is_read_once_and_only_for_scheduled_routes() {
    let reads = Cell::new(0);
    let verdict_at = |state: &RouteState, minutes: i64| {
        let rule = compile(state);
        reads.set(0);
        let gates = Gates {
            route: Some(&rule),
            ..Gates::default()
        };
        let verdict = decide(gates, &Caller::default(), || {
            reads.set(reads.get() + 1);
            at(minutes)
        });
        matches!(verdict, Verdict::Block(_))
    };
    let planned = windows(&[(10, 20)]);
    for (minutes, blocked) in [
        (-5, false),
        (0, false),
        (9, false),
        (10, true),
        (19, true),
        (20, false),
    ] {
        assert_eq!(verdict_at(&planned, minutes), blocked, "{minutes}");
        assert_eq!(reads.get(), 1);
    }
    let over = windows(&[(-20, -10)]);
    assert!(!verdict_at(&over, 0));
    assert_eq!(reads.get(), 0);
    let mut forced = planned;
    forced.force_active = true;
    assert!(!verdict_at(&forced, 15));
    assert_eq!(reads.get(), 0);
}

#[test]
fn is_listed_unless_disabled_or_gated_elsewhere() {
    let listed = |state: &RouteState, minutes| compile(state).is_listed(at(minutes));
    assert!(listed(&RouteState::default(), 0));
    assert!(listed(&position(Lifecycle::Maintenance), 0));
    assert!(listed(&windows(&[(0, 10)]), 5));
    assert!(!listed(
        &position(Lifecycle::Disabled(Disabled::default())),
        0
    ));
    assert!(!listed(&gated(&["dev"]), 0));
    assert!(listed(&gated(&["production"]), 0));
    let mut forced = position(Lifecycle::Disabled(Disabled::default()));
    forced.force_active = true;
    assert!(listed(&forced, 0));
    let for_a_while = position(Lifecycle::Disabled({
        let mut disabled = Disabled::default();
        disabled.until = Some(at(10));
        disabled
    }));
    assert!(!listed(&for_a_while, 9));
    assert!(listed(&for_a_while, 10));
}

#[test]
fn is_unrestricted_without_own_gates() {
    let unrestricted = |state: &RouteState| compile(state).is_unrestricted();
    assert!(unrestricted(&RouteState::default()));
    assert!(unrestricted(&gated(&["production"])));
    assert!(unrestricted(&windows(&[(-20, -10)])));
    let mut restricted_access = RouteState::default().access(restricted());
    let deprecated = RouteState::default().deprecation(Deprecation::default());
    for state in [
        &restricted_access,
        &deprecated,
        &position(Lifecycle::Maintenance),
        &position(Lifecycle::Disabled(Disabled::default())),
        &gated(&["dev"]),
        &windows(&[(10, 20)]),
    ] {
        assert!(!unrestricted(state), "{state:?}");
    }
    restricted_access.force_active = true;
    restricted_access.position.lifecycle = Lifecycle::Maintenance;
    assert!(unrestricted(&restricted_access));
}

#[test]
fn global_maintenance_reads_the_clock_only_with_a_start_or_end() {
    let route = compile(&RouteState::default());
    let reads = Cell::new(0);
    let until = |start: Option<i64>, end: Option<i64>, minutes| {
        let config = everything().start(start.map(at)).end(end.map(at));
        let rule = MaintenanceRule::compile(&config, at(0));
        reads.set(0);
        let gates = Gates {
            global: rule.as_ref(),
            route: Some(&route),
            ..Gates::default()
        };
        let verdict = decide(gates, &Caller::default(), || {
            reads.set(reads.get() + 1);
            at(minutes)
        });
        match verdict {
            Verdict::Pass => None,
            Verdict::Block(Block::GlobalMaintenance { until, .. }) => Some(until),
            other => panic!("{other:?}"),
        }
    };
    for (start, end, minutes, expected, clock) in [
        (None, None, 5, Some(None), 0),
        (Some(-5), None, 5, Some(None), 0),
        (Some(10), Some(20), 9, None, 1),
        (Some(10), Some(20), 10, Some(Some(at(20))), 1),
        (Some(10), Some(20), 19, Some(Some(at(20))), 1),
        (Some(10), Some(20), 20, None, 1),
        (None, Some(20), 0, Some(Some(at(20))), 1),
        (None, Some(20), 20, None, 1),
        (Some(10), None, 9, None, 1),
        (Some(10), None, 10, Some(None), 1),
        (Some(-20), Some(-10), 5, None, 0),
        (None, Some(0), 5, None, 0),
    ] {
        let name = format!("{start:?} {end:?} at {minutes}");
        assert_eq!(until(start, end, minutes), expected, "{name}");
        assert_eq!(reads.get(), clock, "{name}");
    }
}

#[test]
fn maintenance_serves_exempt_addresses_and_roles() {
    let config = everything()
        .exempt_ips(restricted().ips)
        .exempt_roles(restricted().roles);
    let some = MaintenanceRule::compile(&config, at(0)).unwrap();
    let all = global(false);
    let route = compile(&RouteState::default());
    let verdict = |global, service, caller: &Caller| {
        let gates = Gates {
            global,
            service,
            route: Some(&route),
        };
        decide(gates, caller, || panic!("the clock was read"))
    };
    let team = Verdict::PassExempt { deprecated: false };
    for caller in [
        Caller::from("10.1.2.3"),
        Caller::from("::ffff:10.1.2.3"),
        Caller::from("192.0.2.1").with("ops"),
        Caller::default().with("admin"),
    ] {
        assert_eq!(verdict(Some(&some), None, &caller), team);
        assert_eq!(verdict(None, Some(&some), &caller), team);
        assert_eq!(verdict(Some(&some), Some(&some), &caller), team);
        // An exemption from one does not apply to the other.
        for (global, service) in [(&some, &all), (&all, &some)] {
            let blocked = verdict(Some(global), Some(service), &caller);
            assert!(matches!(blocked, Verdict::Block(_)));
        }
    }
    for stranger in [Caller::from("192.0.2.1"), Caller::default().with("other")] {
        let blocked = verdict(Some(&some), None, &stranger);
        assert!(matches!(
            blocked,
            Verdict::Block(Block::GlobalMaintenance { .. })
        ));
    }
    // An exemption from maintenance does not open the route's own gates.
    let mut state = gated(&["dev"]);
    let caller = Caller::from("10.1.2.3");
    let decide = |state: &RouteState| {
        let rule = compile(state);
        let gates = Gates {
            global: Some(&some),
            route: Some(&rule),
            ..Gates::default()
        };
        let verdict =
            waygate_core::decision::decide(gates, &caller, || panic!("the clock was read"));
        matches!(verdict, Verdict::Block(Block::EnvGated { .. }))
    };
    assert!(decide(&state));
    state.position.envs = None;
    assert!(!decide(&state));
}

#[test]
fn maintenance_reads_no_facts_before_its_start() {
    let config = everything().start(at(10)).exempt_ips(restricted().ips);
    let rule = MaintenanceRule::compile(&config, at(0)).unwrap();
    let caller = Caller::from("10.1.2.3");
    let gates = Gates {
        global: Some(&rule),
        ..Gates::default()
    };
    assert_eq!(decide(gates, &caller, || at(9)), Verdict::Pass);
    assert!(caller.asked().is_empty());
}
