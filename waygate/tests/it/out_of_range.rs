//! Settings of builders that are outside of their range.

use std::time::Duration;

use waygate::{
    Waygate, WaygateBuilder,
    port::{FileBackend, MemoryCounters},
};

#[tokio::test]
async fn settings_are_checked_by_build() {
    let refused = |builder: WaygateBuilder| async {
        let error = builder.build().await.err();
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    let new = Waygate::builder;
    for (builder, expected) in [
        (
            new().retry_after_jitter(3.0),
            "retry-after jitter (.retry_after_jitter(..)): invalid share `3`: use a number from 0 to 1, such as 0.2",
        ),
        (
            new().retry_after_jitter(-0.1),
            "retry-after jitter (.retry_after_jitter(..)): invalid share `-0.1`: use a number from 0 to 1, such as 0.2",
        ),
        (
            new().retry_after_jitter(f32::NAN),
            "retry-after jitter (.retry_after_jitter(..)): invalid share `NaN`: use a number from 0 to 1, such as 0.2",
        ),
        (
            new().ipv6_prefix(200),
            "IPv6 prefix (.ipv6_prefix(..)): invalid prefix length `200`: use 1 to 128 bits, such as 64",
        ),
        (
            new().ipv6_prefix(0),
            "IPv6 prefix (.ipv6_prefix(..)): invalid prefix length `0`: use 1 to 128 bits, such as 64",
        ),
        (
            new().counter_deadline(Duration::ZERO),
            "counter deadline (.counter_deadline(..)): invalid time `0`: use more than 0, such as 50 ms",
        ),
        (
            new().memory_counters(MemoryCounters::builder().max_entries(0).build()),
            "the store of the counters is not configured correctly: max_entries is 0: use 1 or more, such as 1000000",
        ),
    ] {
        assert_eq!(refused(builder).await, expected);
    }
    for builder in [
        new().retry_after_jitter(0.0).ipv6_prefix(1),
        new().retry_after_jitter(1.0).ipv6_prefix(128),
        new().counter_deadline(Duration::from_nanos(1)),
        new().memory_counters(MemoryCounters::builder().max_entries(1).build()),
    ] {
        assert_eq!(refused(builder).await, "");
    }
}

#[tokio::test]
async fn a_file_store_checks_its_settings() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.json");
    let new = || FileBackend::builder(&path);
    for (builder, expected) in [
        (
            new().poll_interval(Duration::ZERO),
            "poll_interval is 0ns: use 1 ms or more, such as 1 s",
        ),
        (
            new().generations(0),
            "generations is 0: use 1 or more, such as 3",
        ),
        (
            new().max_bytes(0),
            "max_bytes is 0: use 1 or more, such as 67108864",
        ),
    ] {
        let error = builder.open().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the store is not configured correctly: {expected}")
        );
    }
    new().generations(1).open().await.unwrap();
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_options_are_checked_when_an_engine_is_built() {
    use waygate::port::{RedisBackend, RedisCounters, RedisOptions};

    let new = || RedisOptions::new("redis://127.0.0.1:1").unwrap();
    for (options, expected) in [
        (
            new().deadline(Duration::ZERO),
            "deadline is 0ns: use more than 0, such as 50ms",
        ),
        (
            new().connect_timeout(Duration::ZERO),
            "connect_timeout is 0ns: use more than 0, such as 1s",
        ),
        (
            new().max_in_flight(0),
            "max_in_flight is 0: use 1 or more, such as 1024",
        ),
        (
            new().prefix(""),
            "prefix is \"\": use a name, such as `waygate`",
        ),
    ] {
        let stores = [
            Waygate::builder().backend(RedisBackend::open(options.clone())),
            Waygate::builder().counters(RedisCounters::open(options)),
        ];
        for builder in stores {
            let error = builder.build().await.unwrap_err().to_string();
            let problem = format!(" is not configured correctly: {expected}");
            assert!(error.ends_with(&problem), "{error}");
        }
    }
}
