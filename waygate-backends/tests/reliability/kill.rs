//! Processes that are killed while they write.

use std::{
    thread,
    time::{Duration, Instant},
};

use waygate_core::port::{AuditQuery, Backend};

use super::{child, kit::*};

super::trials!(a_kill_at_any_time_loses_no_commit);

/// No acknowledged write is lost, no file is unreadable, and the log names exactly the commits.
fn a_kill_at_any_time_loses_no_commit() {
    let cycles = setting("WAYGATE_TEST_KILL_CYCLES", 200);
    let mut random = random("kill -9");
    let places = FORMATS.map(Place::new);
    let mut acked = [0; 3];
    let (mut acks, mut unreported, mut leftovers, mut reopened) = (0_u64, 0_u64, 0, Vec::new());
    let begin = Instant::now();
    for cycle in 0..cycles {
        let which = random.usize(..3);
        let place = &places[which];
        let mut writer = child::start("writer", &place.main(), None);
        let mut last = None;
        // Some are killed while they start, most between two acknowledgements.
        if random.u8(..8) != 0 {
            last = writer.lines.next().map(Result::unwrap);
        }
        thread::sleep(Duration::from_micros(random.u64(..12_000)));
        writer.process.kill().unwrap();
        writer.process.wait().unwrap();
        for line in writer.lines {
            // The last line may be truncated.
            last = line
                .ok()
                .filter(|line| line.split(' ').count() == 3)
                .or(last);
            acks += 1;
        }
        if let Some(last) = last {
            let words: Vec<_> = last.split(' ').collect();
            assert_eq!(
                (words[0], words[1]),
                ("ACK", words[2]),
                "cycle {cycle}: {last}"
            );
            acked[which] = words[2].parse().unwrap_or(acked[which]);
        }

        let temps = place.names(".tmp").len();
        assert!(temps <= 1, "cycle {cycle}: {:?}", place.names(".tmp"));
        leftovers += temps;
        assert!(place.names(".corrupt-").is_empty(), "cycle {cycle}");
        let opening = Instant::now();
        block_on(async {
            let store = place.open().await;
            let found = number(&store).await;
            reopened.push(opening.elapsed());
            let due = acked[which]..=acked[which] + 1;
            assert!(
                due.contains(&found),
                "cycle {cycle}: acked {due:?}, found {found}"
            );
            unreported += found - acked[which];
            acked[which] = found;
            let n = values(&store)
                .await
                .get("n")
                .map_or(0, |n| n.as_u64().unwrap());
            assert_eq!(n, found, "cycle {cycle}: the state is of another commit");
            let log = store.audit(AuditQuery::newest(50)).await.unwrap();
            let due = (1..=found).rev().take(50).map(|n| (n, format!("/{n}")));
            let found = log.into_iter().map(|entry| (entry.revision, entry.path));
            assert!(found.eq(due), "cycle {cycle}: log and commits differ");
        });
        assert!(
            place.names(".tmp").is_empty(),
            "cycle {cycle}: not cleaned up"
        );
    }
    for (place, acked) in places.iter().zip(acked) {
        let log = block_on(async { logged(&place.open().await).await });
        assert!(
            log.into_iter().eq((1..=acked).rev()),
            "log and commits differ"
        );
    }
    println!(
        "kill -9: {cycles} cycles, {acks} lines read after the kill, {} commits, 0 acknowledged writes lost, \
         0 unreadable files, {unreported} commits durable but not yet reported, {leftovers} temporary \
         files left and removed, reopening {}, {:.1?} in all",
        acked.iter().sum::<u64>(),
        Spread(reopened),
        begin.elapsed()
    );
}
