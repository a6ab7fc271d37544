//! Scheduled transitions.

use std::{collections::BTreeSet, time::Duration};

use waygate::model::{GlobalMaintenance, Interval};

use super::{scrape, value};
use crate::support::{app, builder, clock};

/// The kinds of transitions in a scrape.
fn kinds(waygate: &waygate::Waygate, name: &str) -> BTreeSet<String> {
    let families = scrape(waygate);
    let samples = families[name].samples.iter();
    samples
        .map(|sample| sample.labels["kind"].clone())
        .collect()
}

#[tokio::test]
async fn every_transition_has_a_series_before_the_first_one() {
    let clock = clock();
    let waygate = builder().clock(clock.clone()).build().await.unwrap();
    let _app = app(&waygate, &["GET:/x"]).await;
    let transitions = "waygate_window_transitions_total";
    let before = kinds(&waygate, transitions);
    let wanted = [
        "disable",
        "enable",
        "global_maintenance_off",
        "global_maintenance_on",
        "maintenance_on",
        "service_maintenance_off",
        "service_maintenance_on",
    ];
    assert_eq!(before, wanted.map(str::to_owned).into());

    let window = || Interval::parse("2030-01-01T02:00:00Z", "2030-01-01T04:00:00Z").unwrap();
    let system = waygate.system();
    system.schedule("GET:/x", window(), "r").await.unwrap();
    let mut maintenance = GlobalMaintenance::new("r".parse().unwrap());
    maintenance.start = Some(window().start());
    maintenance.end = Some(window().end());
    let planned = system.enable_global_maintenance(maintenance);
    planned.await.unwrap();
    clock.advance(Duration::from_secs(5 * 3600));
    let count = |kind| value(&scrape(&waygate), transitions, &[("kind", kind)]);
    for kind in [
        "enable",
        "maintenance_on",
        "global_maintenance_off",
        "global_maintenance_on",
    ] {
        let written = async {
            while count(kind) != Some(1.0) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let written = tokio::time::timeout(Duration::from_secs(60), written).await;
        assert!(written.is_ok(), "{kind}: {:?}", count(kind));
    }
    assert_eq!(kinds(&waygate, transitions), before);
    let lateness = kinds(&waygate, "waygate_window_lateness_seconds");
    assert_eq!(lateness, before);
}
