//! Facts about evaluations: counts, rates, lifecycles, exposures, conversions, samples, and previews.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use waygate::{
    Waygate,
    flags::{
        EvaluationContext, Flag, FlagObservation, FlagUsage, Lifecycle, Observations, Observed,
        Segment,
    },
    testing::ManualClock,
};

use crate::support::{builder, clock};

fn flag(key: &str, more: Value) -> Flag {
    let mut definition = json!({
        "key": key, "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
        "off_variation": "off", "fallthrough": "off", "targets": {"on": ["user-1"]},
    });
    for (name, value) in more.as_object().unwrap() {
        definition[name] = value.clone();
    }
    Flag::parse(&definition).unwrap()
}

async fn engine(clock: &ManualClock, observation: FlagObservation) -> Waygate {
    let builder = builder().clock(clock.clone()).observe_flags(observation);
    let waygate = builder.build().await.unwrap();
    let system = waygate.system();
    system.create_flag(flag("search", json!({}))).await.unwrap();
    waygate
}

fn evaluate(waygate: &Waygate, users: &[&str]) {
    let flags = waygate.flags();
    for user in users {
        flags
            .evaluate("search", &EvaluationContext::new(*user))
            .unwrap();
    }
}

fn usage(waygate: &Waygate) -> FlagUsage {
    waygate.flags().usage("search").unwrap()
}

fn counts(usage: &FlagUsage) -> Vec<(&str, u64)> {
    let variations = usage.variations.iter();
    variations.map(|it| (&*it.name, it.evaluations)).collect()
}

fn day() -> FlagObservation {
    FlagObservation::new().exposures(Duration::from_secs(24 * 60 * 60))
}

#[tokio::test]
async fn evaluations_are_counted_by_variation() {
    let waygate = engine(&clock(), FlagObservation::new()).await;
    evaluate(&waygate, &["user-1", "user-2", "user-3"]);
    let flags = waygate.flags();
    let user = EvaluationContext::new("user-1");
    flags.explain("search", &user).unwrap();
    let compiled = flags.set().flag("search").unwrap();
    flags.set().preview_flag(compiled, &user, &clock());
    let usage = usage(&waygate);
    assert_eq!(counts(&usage), [("on", 1), ("off", 2)]);
    assert_eq!((usage.evaluations, usage.errors, usage.defaults), (3, 0, 0));

    assert!(flags.evaluate("serch", &user).is_none());
    let missing = flags.missing();
    assert_eq!(
        (missing.total, missing.keys),
        (1, vec![("serch".to_owned(), 1)])
    );
}

#[tokio::test]
async fn evaluations_are_counted_by_reason() {
    let waygate = engine(&clock(), FlagObservation::new()).await;
    let system = waygate.system();
    // Only the reasons that the flag can have.
    let reasons = |usage: &FlagUsage| -> Vec<(String, &str, u64)> {
        let variations = usage.variations.iter();
        let each = variations.flat_map(|variation| {
            let name = &variation.name;
            let each = variation.reasons.iter();
            each.map(move |of| (name.clone(), of.reason.as_str(), of.evaluations))
        });
        each.collect()
    };
    let of = |name: &str, reason, evaluations| (name.to_owned(), reason, evaluations);
    let fixed = json!({"targets": {}, "rules": [], "fallthrough": "on"});
    system.patch_flag("search", fixed).await.unwrap();
    evaluate(&waygate, &["user-1", "user-2"]);
    let expected = [of("on", "STATIC", 2), of("off", "DISABLED", 0)];
    assert_eq!(reasons(&usage(&waygate)), expected);

    // Counters keep the reasons that the flag had.
    let split = json!([{"variation": "on", "weight": 100_000}]);
    let targets = json!({"targets": {"off": ["user-1"]}, "fallthrough": split});
    system.patch_flag("search", targets).await.unwrap();
    evaluate(&waygate, &["user-1", "user-2", "user-3"]);
    system.disable_flag("search").await.unwrap();
    evaluate(&waygate, &["user-1"]);
    let expected = [
        of("on", "STATIC", 2),
        of("on", "DEFAULT", 0),
        of("on", "TARGETING_MATCH", 0),
        of("on", "SPLIT", 2),
        of("off", "DEFAULT", 0),
        of("off", "TARGETING_MATCH", 1),
        of("off", "SPLIT", 0),
        of("off", "DISABLED", 1),
    ];
    assert_eq!(reasons(&usage(&waygate)), expected);
    assert_eq!(counts(&usage(&waygate)), [("on", 4), ("off", 2)]);
}

#[tokio::test]
async fn a_prerequisite_is_not_counted() {
    let waygate = engine(&clock(), FlagObservation::new()).await;
    let needs = json!({"prerequisites": [{"flag_key": "search", "variation": "on"}]});
    waygate
        .system()
        .create_flag(flag("needs", needs))
        .await
        .unwrap();
    let flags = waygate.flags();
    flags
        .evaluate("needs", &EvaluationContext::new("user-1"))
        .unwrap();
    assert_eq!(flags.usage("needs").unwrap().evaluations, 1);
    assert_eq!(usage(&waygate).evaluations, 0);
}

#[tokio::test]
async fn an_error_is_counted_as_such() {
    let waygate = engine(&clock(), FlagObservation::new()).await;
    let split =
        json!([{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]);
    let patch = json!({"fallthrough": split, "targets": {}});
    waygate.system().patch_flag("search", patch).await.unwrap();
    let flags = waygate.flags();
    flags
        .evaluate("search", &EvaluationContext::anonymous())
        .unwrap()
        .count_default();
    let usage = usage(&waygate);
    assert_eq!((usage.evaluations, usage.errors, usage.defaults), (1, 1, 1));
}

#[tokio::test]
async fn counts_survive_changes_of_the_flag() {
    let waygate = engine(&clock(), FlagObservation::new()).await;
    evaluate(&waygate, &["user-1", "user-2"]);
    // A request that still has the former definition.
    let former = waygate.flags();
    let system = waygate.system();
    system.disable_flag("search").await.unwrap();
    evaluate(&waygate, &["user-1"]);
    assert_eq!(counts(&usage(&waygate)), [("on", 1), ("off", 2)]);

    let renamed = json!({
        "variations": [{"name": "off", "value": false}, {"name": "new", "value": true}],
        "targets": {"new": ["user-1"]}, "enabled": true,
    });
    system.patch_flag("search", renamed).await.unwrap();
    evaluate(&waygate, &["user-1", "user-2"]);
    former
        .evaluate("search", &EvaluationContext::new("user-2"))
        .unwrap();
    for _ in 0..2 {
        let usage = usage(&waygate);
        assert_eq!(counts(&usage), [("off", 4), ("new", 1)]);
        assert_eq!(
            usage.evaluations, 6,
            "those of the former variation included"
        );
    }
    drop(former);
    assert_eq!(usage(&waygate).evaluations, 6);
    system.delete_flag("search").await.unwrap();
    system.create_flag(flag("search", json!({}))).await.unwrap();
    assert_eq!(usage(&waygate).evaluations, 0);
}

#[test]
fn threads_lose_no_count() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let waygate = runtime.block_on(engine(&clock(), FlagObservation::new()));
    for _ in 0..3 {
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        evaluate(&waygate, &["user-1"]);
                    }
                });
            }
        });
    }
    assert_eq!(usage(&waygate).evaluations, 60_000);
}

/// Waits until the sampler has looked, and sleeps again.
async fn sampled(clock: &ManualClock, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_sampler_notes_times_and_rates() {
    let clock = clock();
    let waygate = engine(&clock, FlagObservation::new()).await;
    sampled(&clock, 0).await;
    assert_eq!(usage(&waygate).lifecycle, Lifecycle::New);
    assert_eq!(usage(&waygate).last_evaluated, None);
    evaluate(&waygate, &["user-1", "user-2", "user-3"]);
    sampled(&clock, 10).await;
    sampled(&clock, 100).await;
    evaluate(&waygate, &["user-1"]);
    sampled(&clock, 10).await;
    sampled(&clock, 60).await;
    let now = usage(&waygate);
    assert_eq!(
        now.last_evaluated.unwrap().to_string(),
        "2030-01-01T00:02:00Z"
    );
    assert_eq!(
        now.same_variation_since.unwrap().to_string(),
        "2030-01-01T00:02:00Z"
    );
    assert_eq!(now.variations[0].per_minute[11..], [1, 0, 1, 0]);
    assert_eq!(now.variations[1].per_minute[11..], [2, 0, 0, 0]);
    assert_eq!(now.lifecycle, Lifecycle::Active);
    sampled(&clock, 40 * 24 * 60 * 60).await;
    let later = usage(&waygate);
    assert_eq!(later.lifecycle, Lifecycle::Stale);
    assert!(
        later
            .variations
            .iter()
            .all(|it| it.per_minute.iter().all(|count| *count == 0))
    );
    let expired = json!({"expires_at": "2030-01-02T00:00:00Z"});
    waygate
        .system()
        .patch_flag("search", expired)
        .await
        .unwrap();
    assert_eq!(usage(&waygate).lifecycle, Lifecycle::Expired);
}

#[tokio::test]
async fn no_flag_is_stale_before_its_use_was_watched_for_long() {
    let clock = clock();
    let old = json!({"created_at": "2020-01-01T00:00:00Z"});
    let backend = Arc::new(waygate::port::MemoryBackend::new());
    let batch = {
        let mut batch = waygate::port::Batch::new();
        let mut stored = serde_json::to_value(flag("search", json!({}))).unwrap();
        stored["created_at"] = old["created_at"].clone();
        batch.puts = vec![("flag/search".into(), stored)];
        batch
    };
    waygate::port::Backend::commit(&*backend, batch)
        .await
        .unwrap();
    let waygate = builder()
        .clock(clock.clone())
        .backend(backend)
        .build()
        .await
        .unwrap();
    assert_eq!(usage(&waygate).lifecycle, Lifecycle::Active);
    clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    assert_eq!(usage(&waygate).lifecycle, Lifecycle::Stale);
}

#[tokio::test]
async fn facts_can_be_turned_off() {
    let waygate = engine(&clock(), FlagObservation::off()).await;
    evaluate(&waygate, &["user-1"]);
    assert!(waygate.flags().usage("search").is_none());
    assert!(
        waygate
            .flags()
            .evaluate("serch", &EvaluationContext::anonymous())
            .is_none()
    );
    assert_eq!(waygate.flags().missing().total, 0);
}

async fn next<T>(stream: &mut Observations<T>) -> T {
    match stream.next().await.unwrap() {
        Observed::Item(item) => item,
        _ => panic!("some were missed"),
    }
}

#[tokio::test]
async fn a_subject_is_exposed_once_per_variation_and_window() {
    let clock = clock();
    let waygate = engine(&clock, day()).await;
    let mut exposures = waygate.exposures();
    evaluate(&waygate, &["user-1", "user-2", "user-1"]);
    waygate.system().disable_flag("search").await.unwrap();
    evaluate(&waygate, &["user-1", "user-2"]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let exposure = next(&mut exposures).await;
        seen.push((exposure.targeting_key, exposure.variation));
    }
    let expected = [("user-1", "on"), ("user-2", "off"), ("user-1", "off")];
    assert_eq!(
        seen,
        expected.map(|(key, name)| (key.to_owned(), name.to_owned()))
    );
    clock.advance(Duration::from_secs(24 * 60 * 60));
    evaluate(&waygate, &["user-2"]);
    let again = next(&mut exposures).await;
    assert_eq!(
        (&*again.targeting_key, again.at.to_string()),
        ("user-2", "2030-01-02T00:00:00Z".to_owned())
    );
    let of: Vec<u64> = usage(&waygate)
        .variations
        .iter()
        .map(|it| it.exposures)
        .collect();
    assert_eq!(of, [1, 3]);
}

#[tokio::test]
async fn exposures_are_not_recorded_without_interest() {
    let waygate = engine(&clock(), FlagObservation::new()).await;
    evaluate(&waygate, &["user-1"]);
    assert_eq!(usage(&waygate).variations[0].exposures, 0);
    let subscriber = waygate.exposures();
    evaluate(&waygate, &["user-1"]);
    assert_eq!(usage(&waygate).variations[0].exposures, 1);
    drop(subscriber);
    waygate.system().disable_flag("search").await.unwrap();
    evaluate(&waygate, &["user-1"]);
    assert_eq!(usage(&waygate).variations[1].exposures, 0);
}

#[tokio::test]
async fn a_slow_subscriber_knows_what_it_missed() {
    let waygate = engine(&clock(), FlagObservation::new()).await;
    let mut exposures = waygate.exposures();
    let flags = waygate.flags();
    for user in 0..1_500 {
        flags
            .evaluate("search", &EvaluationContext::new(format!("visitor-{user}")))
            .unwrap();
    }
    assert_eq!(
        exposures.next().await,
        Some(Observed::Missed(1_500 - 1_024))
    );
    assert_eq!(next(&mut exposures).await.targeting_key, "visitor-476");
    // Contexts without a key, and with a huge one, are no subjects.
    flags
        .evaluate("search", &EvaluationContext::anonymous())
        .unwrap();
    flags
        .evaluate("search", &EvaluationContext::new("x".repeat(2_000)))
        .unwrap();
    assert_eq!(usage(&waygate).variations[1].exposures, 1_500);
}

#[tokio::test]
async fn conversions_count_for_what_the_subject_has_seen() {
    let clock = clock();
    let waygate = engine(&clock, day()).await;
    waygate
        .system()
        .create_flag(flag("other", json!({})))
        .await
        .unwrap();
    evaluate(&waygate, &["user-1", "user-2", "user-3"]);
    let flags = waygate.flags();
    let [one, two, stranger] = ["user-1", "user-2", "stranger"].map(EvaluationContext::new);
    flags.evaluate("other", &one).unwrap();
    assert_eq!(flags.track("order", &one, Some(12.5)), 2);
    assert_eq!(flags.track("order", &two, Some(f64::NAN)), 1);
    assert_eq!(flags.track("order", &two, None), 1);
    assert_eq!(flags.track("order", &stranger, Some(1.0)), 0);
    assert_eq!(
        flags.track("order", &EvaluationContext::anonymous(), Some(1.0)),
        0
    );
    let conversions = |key| {
        let usage = flags.usage(key).unwrap();
        let of = |it: &waygate::flags::VariationUsage| {
            it.conversions
                .iter()
                .map(|it| (it.name.clone(), it.count, it.sum))
                .collect::<Vec<_>>()
        };
        usage.variations.iter().map(of).collect::<Vec<_>>()
    };
    let order = |count, sum| vec![("order".to_owned(), count, sum)];
    assert_eq!(conversions("search"), [order(1, 12.5), order(2, 0.0)]);
    assert_eq!(conversions("other"), [order(1, 12.5), vec![]]);
    for name in 0..200 {
        flags.track(&format!("event-{name}"), &one, None);
    }
    assert_eq!(conversions("search")[0].len(), 100, "the names are bounded");
    clock.advance(Duration::from_secs(25 * 60 * 60));
    assert_eq!(flags.track("order", &one, None), 0, "the window is over");
}

#[tokio::test]
async fn live_evaluations_are_a_bounded_sample() {
    let clock = clock();
    let waygate = engine(&clock, FlagObservation::new()).await;
    evaluate(&waygate, &["user-1"]);
    let mut evaluations = waygate.flag_evaluations();
    for _ in 0..25 {
        evaluate(&waygate, &["user-1"]);
    }
    clock.advance(Duration::from_millis(100));
    evaluate(&waygate, &["user-2"]);
    for nth in 0..10 {
        let seen = next(&mut evaluations).await;
        assert_eq!(
            (seen.variation.as_deref(), seen.skipped),
            (Some("on"), 0),
            "{nth}"
        );
        assert_eq!(seen.reason.as_str(), "TARGETING_MATCH");
        let subject = seen.subject.unwrap();
        assert!(
            subject.len() == 16 && !subject.contains("user"),
            "{subject}"
        );
    }
    let seen = next(&mut evaluations).await;
    assert_eq!((seen.variation.as_deref(), seen.skipped), (Some("off"), 15));
    waygate.shutdown().await;
    assert!(evaluations.next().await.is_none());
}

#[tokio::test]
async fn a_preview_counts_the_seen_contexts_that_would_move() {
    let clock = clock();
    let waygate = engine(&clock, FlagObservation::new().seen_contexts(10_000)).await;
    let system = waygate.system();
    let beta = json!({"key": "beta", "name": "Beta", "included": ["user-7", "user-8"]});
    system
        .create_segment(Segment::parse(&beta).unwrap())
        .await
        .unwrap();
    let rules = json!({"rules": [{
        "clauses": [{"attribute": "plan", "operator": "in", "values": ["pro"]}], "variation": "on",
    }]});
    let stored = system.patch_flag("search", rules).await.unwrap();
    // The sampler finds the attributes that flags read.
    sampled(&clock, 10).await;
    let flags = waygate.flags();
    for user in 0..100 {
        let plan = if user % 10 == 0 { "pro" } else { "free" };
        let context = EvaluationContext::new(format!("user-{user}")).with("plan", plan);
        flags.evaluate("search", &context).unwrap();
    }
    let preview = |more: Value| {
        let mut draft = serde_json::to_value(&*stored.flag).unwrap();
        for (name, value) in more.as_object().unwrap() {
            draft[name] = value.clone();
        }
        let preview = waygate.flags().preview_seen(&Flag::parse(&draft).unwrap());
        let moves: Vec<_> = preview
            .moves
            .iter()
            .map(|it| {
                (
                    it.from.clone().unwrap(),
                    it.to.clone().unwrap(),
                    it.contexts,
                )
            })
            .collect();
        (preview.contexts, preview.changed, moves)
    };
    let [on, off] = ["on", "off"].map(str::to_owned);
    let (contexts, changed, moves) = preview(json!({}));
    assert!(
        (90..=100).contains(&contexts),
        "{contexts}: few share a place"
    );
    assert_eq!((changed, moves), (0, vec![]));
    let before = usage(&waygate).evaluations;
    let (_, changed, moves) = preview(json!({"rules": []}));
    assert!(
        (8..=10).contains(&changed),
        "the users of the plan: {changed}"
    );
    assert_eq!(moves, [(on.clone(), off.clone(), changed)]);
    let (_, changed, _) = preview(json!({"targets": {}}));
    assert!(changed <= 1, "the target: {changed}");
    let in_segment = json!({"rules": [{
        "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}], "variation": "on",
    }], "targets": {"on": ["user-1", "user-10", "user-20", "user-30", "user-40", "user-50", "user-60", "user-70", "user-80", "user-90", "user-0"]}});
    let (_, changed, moves) = preview(in_segment);
    assert!((1..=2).contains(&changed), "the segment: {changed}");
    assert_eq!(moves, [(off.clone(), on.clone(), changed)]);
    let half =
        json!([{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]);
    let (_, changed, _) = preview(json!({"fallthrough": half}));
    assert!((20..70).contains(&changed), "about half: {changed}");
    assert_eq!(
        usage(&waygate).evaluations,
        before,
        "a preview counts nothing"
    );
}

#[tokio::test]
async fn an_evaluation_allocates_nothing() {
    let waygate = engine(&clock(), FlagObservation::new()).await;
    let (flags, user) = (waygate.flags(), EvaluationContext::new("user-1"));
    flags.evaluate("search", &user);
    let seen = allocation_counter::measure(|| {
        flags.evaluate("search", &user).unwrap();
    });
    assert_eq!(seen.count_total, 0);
}
