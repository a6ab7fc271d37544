//! Writes JSON from serialized pieces, so that unchanged parts are serialized once.

use serde::Serialize;
use serde_json::{Map, Value};

/// A serialized member of an object: `"name":value`.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: Box<str>,
    text: Box<str>,
}

impl Member {
    pub(super) fn new(name: &str, value: &Value) -> Self {
        Self {
            name: name.into(),
            text: format!("{}{value}", head(name)).into(),
        }
    }

    pub(super) fn all(members: &Map<String, Value>) -> Vec<Self> {
        let member = |(name, value): (&String, &Value)| Self::new(name, value);
        members.iter().map(member).collect()
    }
}

/// The start of a member: `"name":`.
pub(super) fn head(name: &str) -> String {
    format!("{}:", Value::from(name))
}

/// Items with a comma in between.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    follows: bool,
}

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
            follows: false,
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// An object after `head`, which is a member's name with a colon, or empty.
    pub(super) fn object(&mut self, head: &str, content: impl FnOnce(&mut Self)) {
        self.nested(head, [b'{', b'}'], content);
    }

    /// An array after `head`.
    pub(super) fn array(&mut self, head: &str, content: impl FnOnce(&mut Self)) {
        self.nested(head, [b'[', b']'], content);
    }

    /// A piece of serialized JSON.
    pub(super) fn piece(&mut self, text: &str) {
        self.separate();
        self.push(text);
    }

    pub(super) fn members<'a>(&mut self, members: impl IntoIterator<Item = &'a Member>) {
        for member in members {
            self.piece(&member.text);
        }
    }

    /// A member with a name that needs no escapes.
    pub(super) fn member(&mut self, name: &'static str, value: &impl Serialize) {
        self.separate();
        self.push("\"");
        self.push(name);
        self.push("\":");
        // Neither writing to memory nor these values can fail.
        let _ = serde_json::to_writer(&mut self.out, value);
    }

    fn nested(&mut self, head: &str, [open, close]: [u8; 2], content: impl FnOnce(&mut Self)) {
        self.separate();
        self.push(head);
        self.out.push(open);
        self.follows = false;
        content(self);
        self.out.push(close);
        self.follows = true;
    }

    fn separate(&mut self) {
        if self.follows {
            self.out.push(b',');
        }
        self.follows = true;
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}
