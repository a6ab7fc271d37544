use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::message::Message;
use crate::{
    grammar::Invalid,
    model::{Action, AuditEntry, Origin, RouteStatus},
    webhook::{MAX_BODY, WebhookEvent},
};

/// Bounds the time and the memory of one rendering: about one unit for an instruction, or for 64 bytes.
const FUEL: u64 = 50_000;
const MAX_SOURCE: usize = 16 * 1024;
/// The most `~`. The engine takes time for a chain of them that grows with its square, or faster.
const MAX_JOINS: usize = 100;
/// The stack of a rendering, which the parser needs for chains of operators: in debug builds about a kilobyte for each
/// byte of the longest source.
const STACK: usize = 64 * 1024 * 1024;

fn environment(is_json: bool) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(32);
    // Fuel is for instructions: these take any time for one.
    environment.remove_filter("tojson");
    environment.remove_filter("pprint");
    environment.set_formatter(|out, state, value| match value.len() {
        Some(length) if length > MAX_BODY => {
            let problem =
                format!("a value of {length} entries or characters is too long to be written");
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, problem))
        }
        _ => minijinja::escape_formatter(out, state, value),
    });
    environment.set_auto_escape_callback(move |_| match is_json {
        true => AutoEscape::Json,
        false => AutoEscape::None,
    });
    environment
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || kind.ends_with("+json")
}

/// Renders a template, on a stack of its own.
pub(super) fn message(
    source: &str,
    content_type: &str,
    event: &WebhookEvent,
) -> Result<Message, String> {
    let thread = std::thread::Builder::new().stack_size(STACK);
    std::thread::scope(|scope| {
        let rendering = thread.spawn_scoped(scope, || render(source, content_type, event));
        let rendering = rendering.map_err(|error| format!("no thread can be started: {error}"))?;
        let rendered = rendering.join();
        rendered.unwrap_or_else(|_| Err("the template engine panicked".to_owned()))
    })
}

fn render(source: &str, content_type: &str, event: &WebhookEvent) -> Result<Message, String> {
    if source.matches('~').count() > MAX_JOINS {
        return Err(format!("use at most {MAX_JOINS} `~`"));
    }
    let is_json = is_json(content_type);
    let environment = environment(is_json);
    let template = environment.template_from_str(source).map_err(explain)?;
    let context = serde_json::json!({
        "id": event.id(),
        "type": event.event.as_str(),
        "timestamp": event.timestamp.to_string(),
        "data": event.data,
    });
    let context = minijinja::Value::from(minijinja::value::Serde(context));
    let body = template.render(context).map_err(explain)?;
    if body.len() > MAX_BODY {
        return Err(format!(
            "the body has {} bytes; the most is {MAX_BODY}",
            body.len()
        ));
    }
    if is_json && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body) {
        return Err(format!(
            "the body is not JSON: {error}; values are quoted by the template"
        ));
    }
    Ok(Message::new(content_type, body.into_bytes()))
}

fn explain(error: minijinja::Error) -> String {
    match error.kind() {
        ErrorKind::OutOfFuel => "it takes too much time or memory: shorten its loops".to_owned(),
        ErrorKind::UndefinedError => {
            format!("{error}: a value is missing; test with `{{% if .. is defined %}}`")
        }
        _ => error.to_string(),
    }
}

pub(super) fn check(source: &str, content_type: &str) -> Result<(), Invalid> {
    let invalid = |problem: String| Invalid::new("template", source, problem);
    if source.len() > MAX_SOURCE {
        return Err(invalid(format!("use at most {MAX_SOURCE} bytes")));
    }
    let is_kind = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if !content_type.contains('/') || content_type.len() > 100 || !content_type.bytes().all(is_kind)
    {
        return Err(Invalid::new(
            "content type",
            content_type,
            "write one like `text/plain`",
        ));
    }
    let author = Origin::new("alice", "cli");
    let mut example = AuditEntry::new(&author, Action::Disable, "GET:/a", Timestamp::UNIX_EPOCH);
    example.reason = "an \"example\"".to_owned();
    example.service = Some("billing".to_owned());
    example.previous_status = Some(RouteStatus::Active);
    example.new_status = Some(RouteStatus::Disabled);
    let Some(event) = WebhookEvent::of(&example) else {
        return Ok(());
    };
    message(source, content_type, &event)
        .map(drop)
        .map_err(invalid)
}
