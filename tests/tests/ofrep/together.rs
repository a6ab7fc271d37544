//! One flag, seen by three processes: a Rust service, and a JavaScript and a Python client of its flags.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use waygate_e2e::Service;

use crate::{
    client::Client,
    server::{SERVER, rollout},
};

const USERS: usize = 40;
/// The time in which a change reaches all processes.
const FOLLOW: Duration = Duration::from_secs(1);
/// The longest wait for it, so that a process that never follows fails the test.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer of one process for one user.
struct Answer {
    asked: Instant,
    variation: String,
    reason: String,
    is_new: bool,
}

impl Answer {
    fn read(asked: Instant, answer: &Value, is_new: bool) -> Self {
        let member = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Self {
            asked,
            variation: member("variant"),
            reason: member("reason"),
            is_new,
        }
    }
}

/// The answers of one process, by user.
type Answers = BTreeMap<String, Answer>;

/// The variations, by user.
type Variations = BTreeMap<String, String>;

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

    /// Asks all three, in parallel, for the variation of each user.
    fn ask(&mut self) -> [(&'static str, Answers); 3] {
        let Self {
            service,
            javascript,
            python,
        } = self;
        thread::scope(|scope| {
            let rust = scope.spawn(|| ask_each(|user| rust(service, user)));
            let javascript = scope.spawn(|| ask_each(|user| client(javascript, user)));
            let python = ask_each(|user| client(python, user));
            [
                ("Rust", rust.join().unwrap()),
                ("JavaScript", javascript.join().unwrap()),
                ("Python", python),
            ]
        })
    }
}

fn rust(service: &Service, user: &str) -> Answer {
    let asked = Instant::now();
    let answer = service.get_with("/search", "x-user", user).json();
    Answer::read(asked, &answer, answer["results"] == "new")
}

fn client(client: &mut Client, user: &str) -> Answer {
    let (asked, context) = (Instant::now(), json!({ "targetingKey": user }));
    let answer = client.evaluate("boolean", "new-search", json!(false), context);
    Answer::read(asked, &answer, answer["value"] == true)
}

fn ask_each(mut ask: impl FnMut(&str) -> Answer) -> Answers {
    let users = (0..USERS).map(|number| format!("user-{number}"));
    users.map(|user| (user.clone(), ask(&user))).collect()
}

/// Checks that each process is consistent in itself: the rollout decides, and the value is that of the variation.
fn check(three: &[(&str, Answers); 3]) {
    for (process, answers) in three {
        assert_eq!(answers.len(), USERS, "{process}");
        for (user, answer) in answers {
            assert_eq!(answer.reason, "SPLIT", "{process}, {user}");
            assert_eq!(answer.is_new, answer.variation == "on", "{process}, {user}");
        }
    }
}

fn variations(answers: &Answers) -> Variations {
    let users = answers.iter();
    users
        .map(|(user, answer)| (user.clone(), answer.variation.clone()))
        .collect()
}

/// The variations on which all three agree, if they do.
fn agreed(three: &[(&str, Answers); 3]) -> Option<Variations> {
    let [first, second, third] = three.each_ref().map(|(_, answers)| variations(answers));
    (first == second && second == third).then_some(first)
}

fn users_with<'a>(seen: &'a Variations, variation: &str) -> Vec<&'a String> {
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
    let before = three.ask();
    check(&before);
    let few = agreed(&before).expect("all three agree before the change");
    let few_on = users_with(&few, "on");
    assert!(
        (1..USERS / 4).contains(&few_on.len()),
        "at 10 %: {few_on:?}"
    );

    let path = "/waygate/api/flags/new-search";
    let moved = three.service.patch(path, &token, &rollout(50_000));
    assert_eq!(moved.status, 200, "{}", moved.body);
    let changed = Instant::now();
    let mut seen = Vec::new();
    let half = loop {
        let answers = three.ask();
        check(&answers);
        let new = agreed(&answers).filter(|new| *new != few);
        seen.push(answers);
        if let Some(new) = new {
            break new;
        }
        assert!(changed.elapsed() < PATIENCE, "all three follow the change");
    };
    // Nothing changes after that.
    let after = three.ask();
    check(&after);
    assert_eq!(agreed(&after).as_ref(), Some(&half));

    // A request that is sent later than this has the new variation, whatever the machine takes to answer it.
    for (process, answers) in seen.iter().flatten() {
        for (user, answer) in answers {
            let late = answer.asked.duration_since(changed);
            assert!(
                answer.variation == half[user] || late < FOLLOW,
                "{process} has {} for {user} {late:?} after the change",
                answer.variation
            );
        }
    }
    let half_on = users_with(&half, "on");
    assert!(
        (USERS / 4..USERS * 3 / 4).contains(&half_on.len()),
        "at 50 %: {half_on:?}"
    );
    for user in few_on {
        assert!(half_on.contains(&user), "{user} has lost the new search");
    }
}
