//! As much of Rust's grammar as reading imports needs: words and punctuation, without comments and
//! literals.

/// The words and punctuation of one source file.
pub(crate) struct Source {
    tokens: Vec<Token>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Word(String),
    Mark(char),
}

impl Token {
    fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(own) if own == word)
    }
}

/// Reads a source file.
pub(crate) fn parse(text: &str) -> Source {
    Source { tokens: Lexer { rest: text }.tokens() }
}

impl Source {
    /// Whether the keyword or name stands anywhere in the code.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token.is_word(word))
    }

    /// Whether `name!` is called.
    pub(crate) fn calls_macro(&self, name: &str) -> bool {
        self.tokens.windows(2).any(|pair| pair[0].is_word(name) && pair[1] == Token::Mark('!'))
    }

    /// Whether `#[name…]` stands anywhere.
    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        let head = [Token::Mark('#'), Token::Mark('['), Token::Word(name.to_owned())];
        self.tokens.windows(3).any(|three| three == head)
    }

    /// The names in `mod name;`.
    pub(crate) fn modules(&self) -> Vec<String> {
        let declarations = self.tokens.windows(3).filter(|three| three[0].is_word("mod"));
        declarations
            .filter_map(|three| match &three[1..] {
                [Token::Word(name), Token::Mark(';')] => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    /// Every path that begins with `crate` or `super`, as seen from the crate's root. A glob or a
    /// bare `crate` reads as `*`.
    pub(crate) fn imports(&self, module: &[String]) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        let mut scope = Scope::new(module);
        let mut at = 0;
        while at < self.tokens.len() {
            scope.enter(&self.tokens, at);
            let starts = ["crate", "super"].iter().any(|word| self.tokens[at].is_word(word));
            if !starts || self.is_visibility(at) {
                at += 1;
                continue;
            }
            let next = self.tree(at, &scope.path, &mut found);
            at = next.max(at + 1);
        }
        found
    }

    /// `pub(crate)`, `pub(super)`, `pub(in …)` import nothing.
    fn is_visibility(&self, at: usize) -> bool {
        let before = |back: usize, word: &str| at >= back && self.tokens[at - back].is_word(word);
        (before(2, "pub") && self.tokens[at - 1] == Token::Mark('(')) || (before(1, "in") && before(3, "pub"))
    }

    /// Reads one use tree at `at` below the absolute path `base`; returns the token behind it.
    fn tree(&self, mut at: usize, base: &[String], found: &mut Vec<Vec<String>>) -> usize {
        let mut path = base.to_vec();
        loop {
            match self.tokens.get(at) {
                Some(Token::Word(word)) if word == "crate" => path.clear(),
                Some(Token::Word(word)) if word == "super" => drop(path.pop()),
                Some(Token::Word(word)) if word == "self" => {}
                Some(Token::Word(word)) => path.push(word.clone()),
                Some(Token::Mark('{')) => return self.group(at + 1, &path, found),
                Some(Token::Mark('*')) => path.push("*".to_owned()),
                _ => return at,
            }
            at += 1;
            if !self.is_separator(at) {
                // A path that stops at the root takes in everything.
                found.push(if path.is_empty() { vec!["*".to_owned()] } else { path });
                return at;
            }
            at += 2;
        }
    }

    fn group(&self, mut at: usize, path: &[String], found: &mut Vec<Vec<String>>) -> usize {
        while at < self.tokens.len() && self.tokens[at] != Token::Mark('}') {
            let next = self.tree(at, path, found);
            let rest = self.tokens[next.max(at)..].iter();
            let renamed = rest.take_while(|token| !matches!(token, Token::Mark(',' | '}'))).count();
            at = next.max(at) + renamed;
            at += usize::from(self.tokens.get(at) == Some(&Token::Mark(',')));
        }
        at + 1
    }

    fn is_separator(&self, at: usize) -> bool {
        self.tokens.get(at..at + 2).is_some_and(|two| two == [Token::Mark(':'), Token::Mark(':')])
    }
}

/// Which module the tokens stand in, inline modules included.
struct Scope {
    path: Vec<String>,
    depth: usize,
    inline: Vec<usize>,
}

impl Scope {
    fn new(module: &[String]) -> Scope {
        Scope { path: module.to_vec(), depth: 0, inline: Vec::new() }
    }

    fn enter(&mut self, tokens: &[Token], at: usize) {
        match &tokens[at] {
            Token::Mark('{') => {
                self.depth += 1;
                if let [.., Token::Word(keyword), Token::Word(name)] = &tokens[..at]
                    && keyword == "mod"
                {
                    self.path.push(name.clone());
                    self.inline.push(self.depth);
                }
            }
            Token::Mark('}') => {
                if self.inline.last() == Some(&self.depth) {
                    self.inline.pop();
                    self.path.pop();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            _ => {}
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
}

impl Lexer<'_> {
    fn tokens(mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Some(first) = self.rest.chars().next() {
            if self.skip_comment() || self.skip_raw_string() {
                continue;
            }
            match first {
                '"' => self.skip_string(),
                '\'' => self.skip_char_or_lifetime(),
                _ if first == '_' || first.is_alphanumeric() => tokens.push(Token::Word(self.word())),
                _ => {
                    self.advance(first.len_utf8());
                    if !first.is_whitespace() {
                        tokens.push(Token::Mark(first));
                    }
                }
            }
        }
        tokens
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest.len());
        let word = self.rest[..end].to_owned();
        self.advance(end);
        word
    }

    fn skip_comment(&mut self) -> bool {
        if self.rest.starts_with("//") {
            self.advance(self.rest.find('\n').unwrap_or(self.rest.len()));
            return true;
        }
        if !self.rest.starts_with("/*") {
            return false;
        }
        let mut depth = 0;
        loop {
            match self.rest.as_bytes() {
                [b'/', b'*', ..] => (depth, self.rest) = (depth + 1, &self.rest[2..]),
                [b'*', b'/', ..] => (depth, self.rest) = (depth - 1, &self.rest[2..]),
                _ => self.advance(self.rest.chars().next().map_or(0, char::len_utf8)),
            }
            if depth == 0 || self.rest.is_empty() {
                return true;
            }
        }
    }

    /// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`.
    fn skip_raw_string(&mut self) -> bool {
        let body = self.rest.strip_prefix(['b', 'c']).unwrap_or(self.rest);
        let Some(body) = body.strip_prefix('r') else { return false };
        let hashes = body.len() - body.trim_start_matches('#').len();
        let Some(body) = body[hashes..].strip_prefix('"') else { return false };
        let end = format!("\"{}", "#".repeat(hashes));
        self.rest = body.find(&end).map_or("", |at| &body[at + end.len()..]);
        true
    }

    fn skip_string(&mut self) {
        let mut escaped = false;
        let end = self.rest[1..].find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.advance(end.map_or(self.rest.len(), |end| end + 2));
    }

    fn skip_char_or_lifetime(&mut self) {
        let mut chars = self.rest[1..].chars();
        let is_char = matches!((chars.next(), chars.next()), (Some('\\'), _) | (_, Some('\'')));
        self.advance(1);
        if !is_char {
            return;
        }
        let escape = usize::from(self.rest.starts_with('\\'));
        let skipped = self.rest.chars().take(1 + escape).map(char::len_utf8).sum();
        self.advance(skipped);
        self.advance(self.rest.find('\'').map_or(0, |end| end + 1));
    }
}
