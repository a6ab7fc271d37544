//! One flag, seen by three processes: a Rust service, and a JavaScript and a Python client of its flags.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use waygate_e2e::Service;

use crate::{
    client::Client,
    server::{SERVER, rollout},
};

const USERS: usize = 40;

struct Three {
    service: Service,
    javascript: Client,
    python: Client,
}

impl Three {
    fn start(service: Service) -> Self {
        let base = service.url("/waygate");
        Self {
            service,
            javascript: Client::node("server.cjs", &[&base, SERVER]),
            python: Client::python("client.py", &[&base, SERVER]),
        }
    }

    /// Asks each for the variation of each user. Returns the users of each variation, on which all three agree, and the
    /// time until all three had answered for the first user who is not as `before`.
    fn ask(
        &mut self,
        before: &BTreeMap<String, String>,
    ) -> (BTreeMap<String, String>, Option<Duration>) {
        let (start, mut first_change) = (Instant::now(), None);
        let mut seen = BTreeMap::new();
        for user in (0..USERS).map(|number| format!("user-{number}")) {
            let rust = self.service.get_with("/search", "x-user", &user).json();
            let context = json!({ "targetingKey": user });
            let javascript =
                self.javascript
                    .evaluate("boolean", "new-search", json!(false), context.clone());
            let python = self
                .python
                .evaluate("boolean", "new-search", json!(false), context);
            for other in [&javascript, &python] {
                for member in ["variant", "reason"] {
                    assert_eq!(other[member], rust[member], "{user}: {other} and {rust}");
                }
                let results = if other["value"] == true { "new" } else { "old" };
                assert_eq!(rust["results"], results, "{user}: {other} and {rust}");
            }
            assert_eq!(rust["reason"], "SPLIT", "{user}: {rust}");
            let variation = text(&rust["variant"]);
            if before.get(&user).is_some_and(|known| *known != variation) {
                first_change = first_change.or_else(|| Some(start.elapsed()));
            }
            seen.insert(user, variation);
        }
        (seen, first_change)
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn users_with<'a>(seen: &'a BTreeMap<String, String>, variation: &str) -> Vec<&'a String> {
    let matching = seen.iter().filter(|(_, other)| *other == variation);
    matching.map(|(user, _)| user).collect()
}

#[test]
fn three_languages_agree_and_follow_one_change() {
    let directory = tempfile::tempdir().unwrap();
    let service = Service::start(env!("CARGO_BIN_EXE_e2e-openfeature"), directory.path(), &[]);
    let token = service.log_in();
    let mut flag = json!({
        "key": "new-search", "name": "New search", "type": "boolean",
        "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}], "off_variation": "off",
    });
    flag["fallthrough"] = rollout(10_000)["fallthrough"].take();
    let created = service.post("/waygate/api/flags", Some(&token), &flag);
    assert_eq!(created.status, 201, "{}", created.body);

    let mut three = Three::start(service);
    let (few, _) = three.ask(&BTreeMap::new());
    let few_on = users_with(&few, "on");
    assert!(
        (1..USERS / 4).contains(&few_on.len()),
        "at 10 %: {few_on:?}"
    );

    let path = "/waygate/api/flags/new-search";
    let start = Instant::now();
    let moved = three.service.patch(path, &token, &rollout(50_000));
    assert_eq!(moved.status, 200, "{}", moved.body);
    let answered = start.elapsed();
    let (half, first_change) = three.ask(&few);
    let half_on = users_with(&half, "on");
    assert!(
        (USERS / 4..USERS * 3 / 4).contains(&half_on.len()),
        "at 50 %: {half_on:?}"
    );
    for user in few_on {
        assert!(half_on.contains(&user), "{user} has lost the new search");
    }
    let followed = answered + first_change.expect("a user who has changed");
    assert!(
        followed < Duration::from_secs(1),
        "all three follow after {followed:?}"
    );
}
