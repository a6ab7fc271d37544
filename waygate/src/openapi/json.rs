//! Writes JSON out of pieces that are JSON already, so that what does not change is serialised once.

use serde_json::{Map, Value};

/// A member of an object as it is written: `"name":value`.
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

/// What stands before a member's value: `"name":`.
pub(super) fn head(name: &str) -> String {
    format!("{}:", Value::from(name))
}

/// Text with a comma between items.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: String,
    follows: bool,
}

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            out: String::with_capacity(bytes),
            follows: false,
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// An object after `head`, which is a member's name with a colon, or nothing.
    pub(super) fn object(&mut self, head: &str, content: impl FnOnce(&mut Self)) {
        self.nested(head, ['{', '}'], content);
    }

    /// An array after `head`.
    pub(super) fn array(&mut self, head: &str, content: impl FnOnce(&mut Self)) {
        self.nested(head, ['[', ']'], content);
    }

    /// A piece that is JSON already.
    pub(super) fn piece(&mut self, text: &str) {
        self.separate();
        self.out.push_str(text);
    }

    pub(super) fn members<'a>(&mut self, members: impl IntoIterator<Item = &'a Member>) {
        for member in members {
            self.piece(&member.text);
        }
    }

    pub(super) fn member(&mut self, name: &str, value: impl Into<Value>) {
        self.separate();
        self.out.push_str(&head(name));
        self.out.push_str(&value.into().to_string());
    }

    fn nested(&mut self, head: &str, [open, close]: [char; 2], content: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push_str(head);
        self.out.push(open);
        self.follows = false;
        content(self);
        self.out.push(close);
        self.follows = true;
    }

    fn separate(&mut self) {
        if self.follows {
            self.out.push(',');
        }
        self.follows = true;
    }
}
