//! Which path is which operation: a tree of path segments, made from the registry.

use std::collections::HashMap;

use http::Method;
use moothall::Registry;

/// The paths of all operations.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    root: Node,
}

/// One segment of a path. A fixed segment goes before a field: `/users/me` is not the user named `me`.
#[derive(Debug, Default)]
struct Node {
    fixed: HashMap<&'static str, Node>,
    field: Option<Box<Node>>,
    operations: Vec<(Method, &'static str)>,
}

/// A path that was found, with the segments that are values of fields.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    node: &'a Node,
    values: Vec<&'a str>,
}

impl Routes {
    /// The routes of this registry.
    pub fn new(registry: &Registry) -> Self {
        let mut routes = Self::default();
        for operation in registry.operations() {
            let mut node = &mut routes.root;
            for segment in operation.path.split('/').skip(1) {
                node = match segment.starts_with('{') {
                    true => node.field.get_or_insert_default(),
                    false => node.fixed.entry(segment).or_default(),
                };
            }
            // Only extension methods can fail to parse, and an operation has none.
            let method = operation.method.as_str().parse().unwrap_or_default();
            node.operations.push((method, operation.name));
        }
        routes
    }

    /// The place of a path below `/v1`.
    pub fn find<'a>(&'a self, path: &'a str) -> Option<Place<'a>> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let mut values = Vec::new();
        let node = self.root.find(&segments, &mut values)?;
        Some(Place { node, values })
    }
}

impl Node {
    fn find<'a>(&'a self, segments: &[&'a str], values: &mut Vec<&'a str>) -> Option<&'a Self> {
        let Some((segment, rest)) = segments.split_first() else {
            return (!self.operations.is_empty()).then_some(self);
        };
        if let Some(found) = self.fixed.get(segment).and_then(|node| node.find(rest, values)) {
            return Some(found);
        }
        // An empty segment names nothing.
        let field = self.field.as_deref().filter(|_| !segment.is_empty())?;
        values.push(segment);
        let found = field.find(rest, values);
        if found.is_none() {
            values.pop();
        }
        found
    }
}

impl<'a> Place<'a> {
    /// The operation of this method, and the values of the path's fields in their order. `HEAD` is as `GET`.
    pub fn operation(&self, method: &Method) -> Option<(&'static str, Vec<&'a str>)> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let (_, name) = self.node.operations.iter().find(|(known, _)| known == method)?;
        Some((name, self.values.clone()))
    }

    /// The methods this path takes.
    pub fn methods(&self) -> Vec<&str> {
        let mut methods: Vec<&str> = self.node.operations.iter().map(|(method, _)| method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods
    }
}
