//! Parses Rust source for the rules of [`crate::tidy`]: the bytes that ship, the places of functions and
//! comments. Contains no rule.

use std::ops::Range;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Meta, TraitItem};

/// A function with a body: its name and its number of lines, attributes and doc comment excluded.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub lines: usize,
    pub is_test: bool,
}

/// The part of a file that ships: removes comments, and every item with `#[cfg(test)]` or `#[test]`. Keeps
/// line breaks, so that a line keeps its number.
pub fn shipped(text: &str) -> String {
    let file = parse(text);
    let mut items = TestItems::default();
    items.visit_file(&file);
    let mut kept = tokens(text);
    let cut = |token: &Range<usize>| items.spans.iter().any(|cut| cut.start <= token.start && token.end <= cut.end);
    kept.retain(|token| !cut(token) && !is_comment(&text[token.clone()]));
    let mut shipped = String::with_capacity(text.len());
    let mut end = 0;
    for token in kept {
        gap(&text[end..token.start], &mut shipped);
        shipped.push_str(&text[token.clone()]);
        end = token.end;
    }
    gap(&text[end..], &mut shipped);
    shipped
}

/// Functions and methods of a file, those inside tests too.
pub fn functions(text: &str) -> Vec<Function> {
    let mut found = Functions::default();
    found.visit_file(&parse(text));
    found.functions
}

/// Numbers of the lines (from 1) that end in a comment beyond `columns`.
pub fn wide_comments(text: &str, columns: usize) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut end = 0;
    let last = text.len()..text.len();
    for token in tokens(text).into_iter().chain(std::iter::once(last)) {
        // A doc comment is a token too; all others lie between two tokens.
        for comment in [end..token.start, token.clone()] {
            if comment == token && !is_comment(&text[token.clone()]) {
                continue;
            }
            lines.extend(wide_lines(text, comment, columns));
        }
        end = token.end;
    }
    lines.dedup();
    lines
}

fn wide_lines(text: &str, comment: Range<usize>, columns: usize) -> Vec<usize> {
    let first = text[..comment.start].matches('\n').count();
    let begin = text[..comment.start].rfind('\n').map_or(0, |at| at + 1);
    let commented = text[comment.clone()].contains("//") || text[comment.clone()].contains("/*");
    let lines = text[begin..comment.end].lines().enumerate();
    let wide = lines.filter(|(_, line)| commented && line.contains('/') && line.chars().count() > columns);
    wide.map(|(number, _)| first + number + 1).collect()
}

/// A gap between two tokens that ship contains white space, comments and tests. Keeps only line breaks and
/// one space.
fn gap(between: &str, shipped: &mut String) {
    if between.trim().is_empty() {
        shipped.push_str(between);
        return;
    }
    shipped.push(' ');
    shipped.extend(between.chars().filter(|&c| c == '\n'));
}

fn parse(text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|e| {
        panic!("no Rust: {e}, line {}: {}", e.span().start().line, text.lines().next().unwrap_or_default())
    })
}

/// Byte ranges of all tokens, in order; a doc comment is one token.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let stream: TokenStream = text.parse().expect("parsed before");
    let mut places = Vec::new();
    flatten(stream, &mut places);
    places.into_iter().filter(is_next()).collect()
}

/// A doc comment parses as several tokens (`#[doc = ...]`) with the range of the comment. Keeps the first
/// one.
fn is_next() -> impl FnMut(&Range<usize>) -> bool {
    let mut end = 0;
    move |place| {
        let next = place.start >= end;
        end = end.max(place.end);
        next
    }
}

fn is_comment(token: &str) -> bool {
    token.starts_with("//") || token.starts_with("/*")
}

fn flatten(stream: TokenStream, places: &mut Vec<Range<usize>>) {
    for token in stream {
        match token {
            TokenTree::Group(group) => {
                places.push(group.span_open().byte_range());
                flatten(group.stream(), places);
                places.push(group.span_close().byte_range());
            }
            token => places.push(token.span().byte_range()),
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        _ => false,
    })
}

/// The range from the first attribute to the end of its item.
fn span_of(item: &impl Spanned) -> Range<usize> {
    Span::byte_range(&item.span())
}

#[derive(Default)]
struct TestItems {
    spans: Vec<Range<usize>>,
}

impl TestItems {
    /// Whether an item is for tests only.
    fn cut(&mut self, attributes: &[Attribute], item: &impl Spanned) -> bool {
        let cut = is_for_tests(attributes);
        if cut {
            self.spans.push(span_of(item));
        }
        cut
    }
}

impl Visit<'_> for TestItems {
    fn visit_item(&mut self, item: &Item) {
        if !self.cut(attributes_of(item), item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => return,
        };
        if !self.cut(attributes, item) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &TraitItem) {
        let TraitItem::Fn(function) = item else { return };
        if !self.cut(&function.attrs, item) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &syn::Field) {
        self.cut(&field.attrs, field);
    }

    fn visit_stmt(&mut self, statement: &syn::Stmt) {
        let cut = match statement {
            syn::Stmt::Local(local) => self.cut(&local.attrs, statement),
            syn::Stmt::Macro(call) => self.cut(&call.attrs, statement),
            _ => false,
        };
        if !cut {
            visit::visit_stmt(self, statement);
        }
    }
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[derive(Default)]
struct Functions {
    functions: Vec<Function>,
}

impl Functions {
    fn add(&mut self, attributes: &[Attribute], signature: &syn::Signature, body: &syn::Block) {
        let first = signature.fn_token.span.start().line;
        let lines = body.brace_token.span.close().end().line - first + 1;
        let is_test = is_for_tests(attributes);
        self.functions.push(Function { name: signature.ident.to_string(), lines, is_test });
    }
}

impl Visit<'_> for Functions {
    fn visit_item_fn(&mut self, function: &syn::ItemFn) {
        self.add(&function.attrs, &function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &syn::ImplItemFn) {
        self.add(&function.attrs, &function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.attrs, &function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"//! A module. SystemTime in a comment.
use std::time::Duration;

#[cfg(test)]
mod elsewhere;

#[cfg(test)]
fn for_tests() -> std::time::SystemTime { std::time::SystemTime::now() }

#[cfg(test)]
mod tests {
    #[test]
    fn works() { let brace = "}"; assert_eq!(brace, '}'.to_string()); println!("{brace}"); }
}

/// Links to https://example.com
impl Clock {
    #[cfg(test)]
    fn fixed() -> Self { Self(tokio::time::Instant::now()) }

    fn late() -> String { let url = "http://example.com//"; /* dbg! */ format!("{url}") } // todo!
}

fn after() -> std::time::Instant { std::time::Instant::now() }
"#;

    #[test]
    fn code_after_a_test_module_is_read() {
        let shipped = shipped(FILE);
        assert!(shipped.contains("std::time::Instant::now()"), "{shipped}");
        assert!(shipped.contains(r#"let url = "http://example.com//";"#), "{shipped}");
        assert!(shipped.contains("use std::time::Duration;"), "{shipped}");
    }

    #[test]
    fn each_test_item_and_comment_is_cut() {
        let shipped = shipped(FILE);
        for cut in ["SystemTime", "elsewhere", "mod tests", "println", "tokio", "dbg!", "todo!", "cfg", "Links"] {
            assert!(!shipped.contains(cut), "{cut} in:\n{shipped}");
        }
    }

    #[test]
    fn a_line_keeps_its_number() {
        let line = |text: &str| text.lines().position(|line| line.contains("fn after")).expect("it is there");
        assert_eq!(line(&shipped(FILE)), line(FILE));
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace() {
        let text = "/// Text.\n#[test]\nfn a() {\n    fn b() {}\n}\nimpl A {\n    pub fn c(\n    ) {\n    }\n}\ntrait T { fn d(); }\n";
        let of = |name: &str, lines, is_test| Function { name: name.to_owned(), lines, is_test };
        assert_eq!(functions(text), [of("a", 3, true), of("b", 1, false), of("c", 3, false)]);
    }

    #[test]
    fn only_comments_are_measured_for_width() {
        let wide = "x".repeat(40);
        let text = format!(
            "//! {wide}\n// {wide}\nconst A: &str = \"https://{wide}\";\nconst B: u8 = 1; // {wide}\n/// {wide}\nfn a() {{}} // no\n/* a\n {wide} /\n*/\n"
        );
        assert_eq!(wide_comments(&text, 40), [1, 2, 4, 5, 8]);
    }
}
