use std::{fs, path::Path};

use toml::{Table, Value};

/// A package of the workspace, from its manifest.
#[derive(Debug)]
pub struct Package {
    /// The folder, relative to the workspace.
    pub folder: String,
    manifest: Table,
    workspace: Table,
}

impl Package {
    /// Reads the members of a workspace.
    ///
    /// # Panics
    /// If a manifest cannot be read.
    pub fn members(root: &Path) -> Vec<Self> {
        let manifest = read(&root.join("Cargo.toml"));
        let workspace = table(&manifest, "workspace");
        let members = workspace.get("members").and_then(Value::as_array);
        let members = members.into_iter().flatten().filter_map(Value::as_str);
        let package = |folder: &str| Self {
            folder: folder.to_owned(),
            manifest: read(&root.join(folder).join("Cargo.toml")),
            workspace: workspace.clone(),
        };
        members.map(package).collect()
    }

    /// The name in a registry.
    pub fn name(&self) -> String {
        self.field("name")
            .map(|name| text(&name))
            .unwrap_or_default()
    }

    /// Whether it can be published.
    pub fn is_published(&self) -> bool {
        self.field("publish") != Some(Value::Boolean(false))
    }

    /// A field of `[package]`, also when the workspace sets it.
    pub fn field(&self, name: &str) -> Option<Value> {
        let package = table(&self.manifest, "package");
        match package.get(name)? {
            Value::Table(inherited) if inherited.contains_key("workspace") => {
                table(&self.workspace, "package").get(name).cloned()
            }
            own => Some(own.clone()),
        }
    }

    /// The packages that it depends on, except for its tests, with their features.
    pub fn dependencies(&self) -> Vec<(String, Vec<String>)> {
        let shared = table(&self.workspace, "dependencies");
        let dependency = |(name, own): (String, Value)| {
            let shared = shared.get(&name);
            let package = [Some(&own), shared].into_iter().flatten();
            let package = package
                .filter_map(|value| value.get("package"))
                .map(text)
                .next();
            let features = [Some(&own), shared].into_iter().flatten();
            let features = features.filter_map(|value| value.get("features")?.as_array());
            (
                package.unwrap_or(name),
                features.flatten().map(text).collect(),
            )
        };
        table(&self.manifest, "dependencies")
            .into_iter()
            .map(dependency)
            .collect()
    }

    /// The features, each with what it switches on.
    pub fn features(&self) -> Vec<(String, Vec<String>)> {
        let features = table(&self.manifest, "features").into_iter();
        let on = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
        features.map(|(name, value)| (name, on(&value))).collect()
    }
}

fn read(file: &Path) -> Table {
    let text = fs::read_to_string(file).map(|text| text.parse());
    match text {
        Ok(Ok(table)) => table,
        problem => panic!("cannot read {}: {problem:?}", file.display()),
    }
}

fn table(within: &Table, name: &str) -> Table {
    let table = within.get(name).and_then(Value::as_table);
    table.cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
