//! Two processes that write one file.

use std::time::Instant;

use serde_json::json;
use waygate_core::port::{AuditQuery, Backend};

use super::{child, kit::*};

super::trials!(no_write_is_lost_between_two_processes);

fn no_write_is_lost_between_two_processes() {
    let times = setting("WAYGATE_TEST_WRITER_OPS", 300);
    for format in FORMATS {
        let place = Place::new(format);
        let begin = Instant::now();
        let names = ["one", "other"];
        let counters = names.map(|name| child::start_counter(&place.main(), name, times));
        let lost = counters.map(|mut counter| {
            let said = counter.lines.next().expect("a counter failed").unwrap();
            assert!(counter.process.wait().unwrap().success());
            said.strip_prefix("LOST ").unwrap().parse::<u64>().unwrap()
        });
        block_on(async {
            let store = place.open().await;
            assert_eq!(number(&store).await, 2 * times);
            let found = values(&store).await;
            assert_eq!(found["count"], json!(2 * times));
            assert_eq!(
                (&found["of/one"], &found["of/other"]),
                (&json!(times), &json!(times))
            );
            assert!(logged(&store).await.into_iter().eq((1..=2 * times).rev()));
            let log = store.audit(AuditQuery::newest(usize::MAX)).await.unwrap();
            for name in names {
                let prefix = format!("/{name}/");
                let of_name = log
                    .iter()
                    .rev()
                    .filter_map(|e| e.path.strip_prefix(&prefix));
                assert!(of_name.eq((1..=times).map(|n| n.to_string())));
            }
        });
        assert!(place.names(".tmp").is_empty() && place.names(".corrupt-").is_empty());
        println!(
            "two processes, {format}: {} acknowledged increments, all present and logged once; \
             {lost:?} races lost and repeated, {:.1?}",
            2 * times,
            begin.elapsed()
        );
    }
}
