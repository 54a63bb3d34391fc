//! The picture: what it holds, and how it is drawn.

use std::collections::VecDeque;
use std::time::Instant;

use chat_core::name::{Nick, RoomName};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::Paragraph;
use tui_input::Input;

use crate::chat::seconds;
use crate::line::{Kind, Line};

/// How many lines are kept to scroll back to.
const KEPT: usize = 5_000;

/// How many of the lines that were typed can be called back.
const TYPED: usize = 100;

pub(super) struct View {
    server: String,
    lines: VecDeque<Line>,
    /// How many rows the end of the messages is below the picture.
    below: usize,
    /// How many rows of messages the picture had last.
    height: usize,
    pub(super) input: Input,
    typed: VecDeque<String>,
    /// Which of the lines that were typed is shown, counted from the last.
    recalled: Option<usize>,
    connection: Status,
    nick: Option<Nick>,
    room: Option<RoomName>,
    under_way: usize,
}

/// How the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Connected,
    Lost,
    Waiting { attempt: u32, until: Instant },
}

impl View {
    pub(super) fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            lines: VecDeque::new(),
            below: 0,
            height: 0,
            input: Input::default(),
            typed: VecDeque::new(),
            recalled: None,
            connection: Status::Connected,
            nick: None,
            room: None,
            under_way: 0,
        }
    }

    pub(super) fn push(&mut self, line: Line) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        if self.below > 0 {
            // What is being read stays where it is.
            self.below += 1;
        }
        self.lines.push_back(line);
    }

    pub(super) fn set_status(
        &mut self,
        nick: Option<Nick>,
        room: Option<RoomName>,
        under_way: usize,
    ) {
        self.nick = nick;
        self.room = room;
        self.under_way = under_way;
    }

    pub(super) fn set_connection(&mut self, connection: Status) {
        self.connection = connection;
    }

    pub(super) fn status(&self) -> Status {
        self.connection
    }

    pub(super) fn scroll_up(&mut self) {
        self.below += self.height.max(2) / 2;
    }

    pub(super) fn scroll_down(&mut self) {
        self.below = self.below.saturating_sub(self.height.max(2) / 2);
    }

    pub(super) fn scroll_to_end(&mut self) {
        self.below = 0;
    }

    /// What was typed, and an empty input line.
    pub(super) fn take_input(&mut self) -> String {
        self.recalled = None;
        self.below = 0;
        let typed = self.input.value_and_reset();
        if !typed.trim().is_empty() && self.typed.back() != Some(&typed) {
            self.typed.push_back(typed.clone());
            if self.typed.len() > TYPED {
                self.typed.pop_front();
            }
        }
        typed
    }

    pub(super) fn restore_input(&mut self, typed: String) {
        self.input = Input::new(typed);
    }

    pub(super) fn recall_older(&mut self) {
        let older = self.recalled.map_or(0, |recalled| recalled + 1);
        self.recall(older);
    }

    pub(super) fn recall_newer(&mut self) {
        match self.recalled {
            Some(recalled) if recalled > 0 => self.recall(recalled - 1),
            Some(_) => {
                self.recalled = None;
                self.input.reset();
            }
            None => {}
        }
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let parts = [
            Constraint::Min(0),
            Constraint::Length(1),
            Constraint::Length(1),
        ];
        let [messages, status, input] = Layout::vertical(parts).areas(frame.area());
        self.draw_messages(frame, messages);
        self.draw_status(frame, status);
        self.draw_input(frame, input);
    }

    fn recall(&mut self, back: usize) {
        if let Some(typed) = self.typed.iter().rev().nth(back) {
            self.input = Input::new(typed.clone());
            self.recalled = Some(back);
        }
    }

    fn draw_messages(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        self.height = height;
        // From the end, and no further than can be seen.
        let mut rows = Vec::new();
        for line in self.lines.iter().rev() {
            rows.extend(wrapped(line, width).into_iter().rev());
            if rows.len() >= height + self.below {
                break;
            }
        }
        self.below = self.below.min(rows.len().saturating_sub(height));
        let seen = rows.into_iter().skip(self.below).take(height);
        let mut seen: Vec<_> = seen.collect();
        seen.reverse();
        let empty = height - seen.len();
        let area = Rect {
            y: area.y + u16::try_from(empty).unwrap_or_default(),
            height: u16::try_from(seen.len()).unwrap_or_default(),
            ..area
        };
        frame.render_widget(Paragraph::new(seen), area);
    }

    fn draw_status(&self, frame: &mut Frame<'_>, area: Rect) {
        let (sign, colour, connection) = match self.connection {
            Status::Connected => ("●", Color::Green, String::new()),
            Status::Lost => ("○", Color::Red, " connection lost ".to_owned()),
            Status::Waiting { attempt, until } => {
                let left = until.saturating_duration_since(Instant::now());
                let when = match left.is_zero() {
                    true => "now".to_owned(),
                    false => format!("in {}", seconds(left)),
                };
                let text = format!(" connecting {when} (attempt {attempt}) ");
                ("○", Color::Yellow, text)
            }
        };
        let name = |name: Option<String>| name.unwrap_or_else(|| "–".to_owned());
        let nick = name(self.nick.as_ref().map(ToString::to_string));
        let room = name(self.room.as_ref().map(ToString::to_string));
        let mut row = vec![
            Span::styled(format!(" {sign} "), Style::new().fg(colour)),
            Span::raw(format!("{room} · {nick} · {} ", self.server)),
            Span::styled(connection, Style::new().fg(colour)),
        ];
        if self.under_way > 0 {
            row.push(Span::raw(format!(" {} under way ", self.under_way)));
        }
        if self.below > 0 {
            row.push(Span::raw(" ↓ Esc for the latest "));
        }
        let style = Style::new().add_modifier(Modifier::REVERSED);
        frame.render_widget(Paragraph::new(Row::from(row)).style(style), area);
    }

    fn draw_input(&self, frame: &mut Frame<'_>, area: Rect) {
        const PROMPT: &str = "> ";
        let width = usize::from(area.width).saturating_sub(PROMPT.len() + 1);
        let scrolled = self.input.visual_scroll(width);
        let prompt = Rect {
            width: area.width.min(2),
            ..area
        };
        frame.render_widget(Paragraph::new(PROMPT), prompt);
        let typed = Rect {
            x: area.x + prompt.width,
            width: area.width - prompt.width,
            ..area
        };
        let scroll = (0, u16::try_from(scrolled).unwrap_or(u16::MAX));
        frame.render_widget(Paragraph::new(self.input.value()).scroll(scroll), typed);
        let cursor = self.input.visual_cursor().saturating_sub(scrolled);
        let cursor = u16::try_from(cursor).unwrap_or(u16::MAX);
        frame.set_cursor_position((typed.x.saturating_add(cursor), typed.y));
    }
}

/// A line in rows of at most `width` columns.
fn wrapped(line: &Line, width: usize) -> Vec<Row<'_>> {
    let style = match line.kind {
        Kind::Message => Style::new(),
        Kind::Private => Style::new().fg(Color::Magenta),
        Kind::Notice => Style::new().fg(Color::DarkGray),
        Kind::Refusal => Style::new().fg(Color::Red),
    };
    let options =
        textwrap::Options::new(width.max(1)).subsequent_indent(if width > 20 { "  " } else { "" });
    let rows = textwrap::wrap(&line.text, options).into_iter();
    rows.enumerate()
        .map(|(row, text)| match (line.kind, row) {
            (Kind::Message, 0) => coloured(text.into_owned()),
            _ => Row::styled(text.into_owned(), style),
        })
        .collect()
}

/// The first row of a message, with the room dimmed and the nick in a colour of its own.
fn coloured(text: String) -> Row<'static> {
    let Some((room, said)) = text.split_once(' ') else {
        return Row::raw(text);
    };
    let (nick, rest) = match said.strip_prefix("* ") {
        Some(action) => action.split_at(action.find(' ').unwrap_or(action.len())),
        None => said.split_at(said.find(':').unwrap_or(0)),
    };
    let action = if said.starts_with("* ") { "* " } else { "" };
    Row::from(vec![
        Span::styled(format!("{room} "), Style::new().fg(Color::DarkGray)),
        Span::raw(action),
        Span::styled(
            nick.to_owned(),
            Style::new()
                .fg(colour_of(nick))
                .add_modifier(Modifier::BOLD),
        ),
        Span::raw(rest.to_owned()),
    ])
}

/// The same colour for the same nick, in every client.
fn colour_of(nick: &str) -> Color {
    const COLOURS: [Color; 6] = [
        Color::Cyan,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::LightRed,
    ];
    let bytes = nick.bytes().map(|byte| byte.to_ascii_lowercase());
    let sum = bytes.fold(7_usize, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    COLOURS[sum % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn picture(view: &mut View, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let row = |y| {
            (0..width)
                .map(|x| buffer[(x, y)].symbol())
                .collect::<String>()
        };
        (0..height)
            .map(row)
            .map(|row| row.trim_end().to_owned())
            .collect()
    }

    fn view(lines: u32) -> View {
        let mut view = View::new("here:1");
        view.set_status(
            Some(Nick::parse("alice").unwrap()),
            Some(RoomName::parse("rust").unwrap()),
            0,
        );
        for n in 1..=lines {
            view.push(Line::new(Kind::Message, format!("[#rust] bob: number {n}")));
        }
        view
    }

    #[test]
    fn messages_are_above_the_input_line() {
        let mut view = view(2);
        view.restore_input("typing".into());
        assert_eq!(
            picture(&mut view, 40, 5),
            [
                "",
                "[#rust] bob: number 1",
                "[#rust] bob: number 2",
                " ● #rust · alice · here:1",
                "> typing",
            ]
        );
    }

    #[test]
    fn what_is_read_stays_in_place_while_messages_come() {
        let mut view = view(20);
        picture(&mut view, 40, 6);
        view.scroll_up();
        let before = picture(&mut view, 60, 6);
        assert_eq!(before[3], "[#rust] bob: number 18");
        assert!(before[4].ends_with("Esc for the latest"));
        view.push(Line::notice("somebody joined"));
        assert_eq!(picture(&mut view, 60, 6), before);
        view.scroll_to_end();
        assert_eq!(picture(&mut view, 60, 6)[3], "* somebody joined");
        for _ in 0..100 {
            view.scroll_up();
        }
        assert_eq!(picture(&mut view, 60, 6)[0], "[#rust] bob: number 1");
    }

    #[test]
    fn no_terminal_is_too_small() {
        let mut view = view(3);
        view.push(Line::new(
            Kind::Message,
            format!("[#rust] bob: {}", "wide 宽 ".repeat(20)),
        ));
        view.restore_input("a long line that was typed".into());
        for width in 1..30 {
            for height in 1..8 {
                picture(&mut view, width, height);
            }
        }
    }

    #[test]
    fn what_was_typed_can_be_called_back() {
        let mut view = view(0);
        for typed in ["one", "two"] {
            view.restore_input(typed.into());
            view.take_input();
        }
        view.recall_older();
        assert_eq!(view.input.value(), "two");
        view.recall_older();
        view.recall_older();
        assert_eq!(view.input.value(), "one");
        view.recall_newer();
        view.recall_newer();
        assert_eq!(view.input.value(), "");
    }
}
