//! The cost of a flag, compared with a hand-written map of rules, with Unleash's engine and with LaunchDarkly's.
//!
//! 100 boolean flags; the evaluated one has five rules of two clauses. The context has five attributes, passes the first
//! clause of each rule and fails the second, and then falls to a rollout of 20% by its key. All variants of a group run in
//! turn, in another order in each round. Allocations are counted by the allocator of the process, which costs a peer that
//! allocates about a nanosecond each.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::runtime::Builder;
use waygate::Waygate;
use waygate_bench::{Call, Report, Row, Timing, time_calls};
use waygate_core::{
    flag::{
        AttributeName, AttributeValue, CompileOptions, CompiledFlag, Context, EvaluationContext,
        Flag, FlagSet,
    },
    port::ManualClock,
};

#[path = "flags/baseline.rs"]
mod baseline;
#[path = "flags/engine.rs"]
mod engine;
#[path = "flags/gate.rs"]
mod gate;
#[path = "flags/launchdarkly.rs"]
mod launchdarkly;
#[path = "flags/provider.rs"]
mod provider;
#[path = "flags/yggdrasil.rs"]
mod yggdrasil;

use engine::EVALUATED;
use yggdrasil::Strategy;

/// The evaluated flag of a hundred.
const FLAG: &str = "some-flag-50";
const FLAGS: usize = 100;
const RULES: usize = 5;
/// The key of the context, and its attributes.
const USER: &str = "user-12345";
const COUNTRY: &str = "de";
const PLAN: &str = "free";

fn main() {
    // Only for preparations: its tasks have a budget, after which locks wait.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let waygate = runtime.block_on(engine::engine());
    let routes = runtime.block_on(gate::Routes::new(&waygate));
    let clients = runtime.block_on(provider::Clients::new(&waygate));
    let of_engine = [routes.row(&waygate), clients.row()];
    let (control, mut rows) = evaluations(&waygate);
    rows.extend(of_engine);
    rows.push(targets());
    rows.extend(runtime.block_on(rebuilds()));
    Report::new("flags", control, rows).publish().unwrap();
}

/// One evaluation: by key, by a flag at hand, and by the peers.
fn evaluations(waygate: &Waygate) -> (f64, Vec<Row>) {
    let flags = flags(FLAGS);
    let handle = flags.flag(FLAG).unwrap().clone();
    let context = EvaluationContext::new(USER)
        .with("country", COUNTRY)
        .with("plan", PLAN)
        .with("email", "a@example.com")
        .with("seats", 5)
        .with("beta", true);
    let current = waygate.flags();
    let caller = black_box(CALLER);
    let scope = current.for_context(&caller);
    let map = baseline::Flags::new();
    let yggdrasil = yggdrasil::Flags::new(Strategy::FlexibleRollout);
    let older = yggdrasil::Flags::new(Strategy::Default);
    let launchdarkly = launchdarkly::Flags::new();
    let clock = clock();

    let by_key = |_| {
        let resolution = flags.evaluate(black_box(FLAG), black_box(&context), &clock);
        black_box(resolution.is_some_and(|resolution| resolution.as_bool().unwrap_or(false)))
    };
    let by_handle = |_| {
        let resolution = flags.evaluate_flag(black_box(&handle), black_box(&caller), &clock);
        black_box(resolution.as_bool().unwrap_or(false))
    };
    let by_engine = |_| black_box(EVALUATED.get(black_box(&scope)));
    let of_map = |_| black_box(map.evaluate(black_box(FLAG)));
    let of_yggdrasil = |_| black_box(yggdrasil.evaluate(black_box(FLAG)));
    let of_older = |_| black_box(older.evaluate(black_box(FLAG)));
    let of_launchdarkly = |_| black_box(launchdarkly.evaluate(black_box(FLAG)));
    assert_eq!(by_key(0), by_handle(0));
    assert_eq!(by_key(0), by_engine(0));
    assert_eq!(by_key(0), of_map(0));

    let allocations = [
        counted(by_key),
        counted(by_handle),
        counted(by_engine),
        counted(of_map),
        counted(of_yggdrasil),
        counted(of_older),
        counted(of_launchdarkly),
    ];
    let calls = vec![
        call("by key", by_key),
        call("by key, again", by_key),
        call("flag at hand", by_handle),
        call("typed handle", by_engine),
        call("map baseline", of_map),
        call("yggdrasil", of_yggdrasil),
        call("yggdrasil, `default`", of_older),
        call("launchdarkly", of_launchdarkly),
    ];
    let timings = time_calls(calls, 1);
    print(&timings);
    println!(
        "allocations: by key {}, flag at hand {}, typed handle {}, map baseline {}, yggdrasil {} and {}, launchdarkly {}",
        allocations[0],
        allocations[1],
        allocations[2],
        allocations[3],
        allocations[4],
        allocations[5],
        allocations[6]
    );
    let figure = |at: usize| timings[at].min;
    let row = |name, ours, peer: usize, target, allocations| {
        Row::new(name, figure(ours), timings[peer].name, figure(peer), target)
            .with_allocations(allocations)
    };
    let [by_key, by_handle, by_engine, ..] = allocations;
    let rows = vec![
        row("by key", 0, 4, Some(1.2), by_key),
        row("flag at hand", 2, 4, None, by_handle),
        row("typed handle", 3, 4, Some(0.6), by_engine),
        row("yggdrasil", 0, 5, Some(0.2), by_key),
        row("yggdrasil, older strategies", 0, 6, None, by_key),
        row("launchdarkly", 0, 7, Some(1.0 / 3.0), by_key),
    ];
    (figure(1) / figure(0), rows)
}

/// A flag of 100,000 individual targets, and one of ten: half of the contexts are targets.
fn targets() -> Row {
    const CONTEXTS: usize = 1 << 10;
    let [ten, many] = [10, 100_000].map(|count: usize| {
        let keys: Vec<String> = (0..count).map(|user| format!("user-{user}")).collect();
        let flag = compiled(&json!({
            "key": "targets", "name": "Targets", "type": "boolean",
            "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
            "off_variation": "off", "targets": {"on": keys}, "fallthrough": "off",
        }));
        // The same contexts over and over, so that both are in the cache of the processor.
        let context = |at: usize| {
            let user = at * 7_919 % (2 * count);
            EvaluationContext::new(format!("user-{user}"))
        };
        let contexts: Vec<EvaluationContext> = (0..CONTEXTS).map(context).collect();
        (flag, contexts)
    });
    let flags = FlagSet::new();
    let clock = clock();
    let evaluate = |(flag, contexts): &(Arc<CompiledFlag>, Vec<EvaluationContext>), turn| {
        let context = &contexts[turn & (CONTEXTS - 1)];
        let resolution = flags.evaluate_flag(flag, black_box(context), &clock);
        black_box(resolution.as_bool().unwrap_or(false))
    };
    let calls = vec![
        call("100,000 targets", |turn| evaluate(&many, turn)),
        call("10 targets", |turn| evaluate(&ten, turn)),
    ];
    let timings = time_calls(calls, 1);
    print(&timings);
    let figure = |at: usize| timings[at].min;
    Row::new(
        "100,000 targets",
        figure(0),
        "10 targets",
        figure(1),
        Some(1.5),
    )
}

/// Commands that change one flag of 10,000, in an engine with a store in memory: its check, commit and audit line, and the
/// next snapshot. A new prerequisite also checks what all flags use.
async fn rebuilds() -> Vec<Row> {
    const MOST: f64 = 5e6;
    let seeds = (0..10_000).map(|index| Flag::parse(&definition(index)).unwrap());
    let waygate = Waygate::builder().seed_flags(seeds).build().await.unwrap();
    let fastest = async |patches: [Value; 2]| {
        let mut fastest = Duration::MAX;
        for patch in patches.iter().cycle().take(200) {
            let start = Instant::now();
            let changed = waygate
                .system()
                .patch_flag("some-flag-77", patch.clone())
                .await;
            fastest = fastest.min(start.elapsed());
            changed.unwrap();
        }
        fastest.as_secs_f64() * 1e9
    };
    let switch = [false, true].map(|enabled| json!({"enabled": enabled}));
    let needed = [8, 9].map(|index| {
        let flag_key = format!("some-flag-{index}");
        json!({"prerequisites": [{"flag_key": flag_key, "variation": "on"}]})
    });
    let rows = [
        ("rebuild after one change of 10,000", switch),
        ("rebuild after a new prerequisite", needed),
    ];
    let mut timed = Vec::new();
    for (name, patches) in rows {
        timed.push(Row::new(
            name,
            fastest(patches).await,
            "5 ms",
            MOST,
            Some(1.0),
        ));
    }
    timed
}

/// Not read by these flags.
fn clock() -> ManualClock {
    ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap())
}

fn flags(count: usize) -> FlagSet {
    let mut flags = FlagSet::new();
    for index in 0..count {
        flags.insert_flag(compiled(&definition(index)));
    }
    flags
}

/// The values of the clauses of a rule: the first has the country of the context, the second lacks its plan.
fn values(rule: usize) -> [Vec<String>; 2] {
    [
        vec![COUNTRY.to_owned(), "fr".to_owned(), format!("x{rule}")],
        vec!["pro".to_owned(), format!("y{rule}")],
    ]
}

fn definition(index: usize) -> Value {
    let rule = |rule| {
        let [countries, plans] = values(rule);
        json!({
            "id": format!("rule-{rule}"), "variation": "on",
            "clauses": [
                {"attribute": "country", "operator": "in", "values": countries},
                {"attribute": "plan", "operator": "in", "values": plans},
            ],
        })
    };
    let rules: Vec<Value> = (0..RULES).map(rule).collect();
    json!({
        "key": format!("some-flag-{index}"), "name": "Some flag", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "rules": rules,
        "fallthrough": [{"variation": "on", "weight": 20_000}, {"variation": "off", "weight": 80_000}],
    })
}

fn compiled(definition: &Value) -> Arc<CompiledFlag> {
    let flag = Arc::new(Flag::parse(definition).unwrap());
    Arc::new(CompiledFlag::compile(flag, CompileOptions::default()).0)
}

/// The type of callers of an application.
#[derive(Debug, Clone, Copy)]
struct Caller {
    id: &'static str,
    country: &'static str,
    plan: &'static str,
}

const CALLER: Caller = Caller {
    id: USER,
    country: COUNTRY,
    plan: PLAN,
};

impl Context for Caller {
    fn key(&self, _: Option<&str>) -> Option<&str> {
        Some(self.id)
    }

    fn attribute(&self, _: Option<&str>, name: &AttributeName) -> Option<AttributeValue<'_>> {
        match name.as_str() {
            "country" => Some(self.country.into()),
            "plan" => Some(self.plan.into()),
            _ => None,
        }
    }
}

fn call<'a>(name: &'static str, run: impl Fn(usize) -> bool + Sync + 'a) -> Call<'a> {
    Call::new(name, move |turn| {
        run(turn);
    })
}

/// Returns the allocations of a call.
fn counted(run: impl Fn(usize) -> bool) -> f64 {
    const CALLS: usize = 1_000;
    // What is kept after the first call is not counted.
    run(0);
    let measured = allocation_counter::measure(|| {
        (0..CALLS).for_each(|turn| {
            run(turn);
        });
    });
    measured.count_total as f64 / CALLS as f64
}

fn print(timings: &[Timing]) {
    println!("\n{:<28} {:>9} {:>9} {:>9}", "", "min", "p10", "median");
    for Timing {
        name,
        min,
        p10,
        median,
    } in timings
    {
        println!("{name:<28} {min:>6.1} ns {p10:>6.1} ns {median:>6.1} ns");
    }
}
