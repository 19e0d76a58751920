// Receives Callwire's events. Go 1.23 or newer, nothing to install:
//
//	WEBHOOK_SECRET=… PORT=3000 go run main.go
//
// A request is read as raw bytes, verified, written to disk once and answered. Only then it is
// worked on, in the order of its call. What is on disk and not worked on yet is taken up again at
// the next start. INBOX is a file here so that nothing has to be installed; in your backend it is a
// table whose primary key is the event's id.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Event is what Callwire sends; docs/events.md says what Data holds for each type.
type Event struct {
	ID       string          `json:"id"`
	Event    string          `json:"event"`
	CallID   *string         `json:"call_id"`
	Sequence *int            `json:"sequence"`
	Data     json.RawMessage `json:"data"`
}

// handle is your work: it may take its time. Called once for each event, and again after a crash.
func handle(event Event) error {
	call, sequence := "-", "-"
	if event.CallID != nil {
		call = *event.CallID
	}
	if event.Sequence != nil {
		sequence = strconv.Itoa(*event.Sequence)
	}
	fmt.Printf("handled %s %s #%s\n", event.Event, call, sequence)
	return nil
}

const (
	tolerance    = 300 * time.Second
	maxBodyBytes = 256 * 1024 // Callwire sends 64 KB at most.
	// How long an event waits for the ones before it, which may be on their way or never come.
	waitForEarlier = 60 * time.Second
)

// --- Verify ----------------------------------------------------------------------------------

// secret is the key of each family: its own characters, and for webhook-signature, where it begins
// with whsec_, the bytes whose base64 stands behind that.
type secret struct{ characters, standard []byte }

func newSecret(text string) (secret, error) {
	encoded, isStandard := strings.CutPrefix(text, "whsec_")
	if !isStandard {
		return secret{[]byte(text), []byte(text)}, nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	return secret{[]byte(text), key}, err
}

// isGenuine takes the bytes as they came: JSON that is made anew has another signature.
func isGenuine(secrets []secret, header http.Header, body []byte) bool {
	var timestamp string
	var given, expected []string
	if standard := header.Get("webhook-signature"); standard != "" {
		timestamp = header.Get("webhook-timestamp")
		given = strings.Split(standard, " ")
		before := header.Get("webhook-id") + "." + timestamp + "."
		for _, secret := range secrets {
			digest := sign(secret.standard, before, body)
			expected = append(expected, "v1,"+base64.StdEncoding.EncodeToString(digest))
		}
	} else {
		// X-Signature alone has no timestamp: whoever has seen it could send it for ever.
		timestamp = header.Get("X-Webhook-Timestamp")
		given = []string{header.Get("X-Webhook-Signature")}
		for _, secret := range secrets {
			digest := sign(secret.characters, timestamp+".", body)
			expected = append(expected, "sha256="+hex.EncodeToString(digest))
		}
	}
	return isFresh(timestamp) && matches(given, expected)
}

func sign(key []byte, before string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(before))
	mac.Write(body)
	return mac.Sum(nil)
}

func isFresh(timestamp string) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	return err == nil && time.Since(time.Unix(seconds, 0)).Abs() <= tolerance
}

// matches compares in constant time: == ends at the first difference, and how soon tells where that
// is.
func matches(given, expected []string) bool {
	for _, one := range given {
		for _, right := range expected {
			if hmac.Equal([]byte(one), []byte(right)) {
				return true
			}
		}
	}
	return false
}

// --- Keep, once ------------------------------------------------------------------------------

// entry is a line of the file: an event, or later the id of one that is done.
type entry struct {
	Event json.RawMessage `json:"event,omitempty"`
	Done  string          `json:"done,omitempty"`
}

type inbox struct {
	mutex sync.Mutex
	file  *os.File
	ids   map[string]bool
}

// openInbox returns what the file holds as well: the events that are done, and those that are not.
func openInbox(path string) (in *inbox, done, left []Event, err error) {
	lines, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, nil, err
	}
	in = &inbox{ids: map[string]bool{}}
	isDone := map[string]bool{}
	var events []Event
	for _, line := range bytes.Split(lines, []byte("\n")) {
		var read entry
		var event Event
		if json.Unmarshal(line, &read) != nil {
			continue // Empty, or half a line from a crash: never acknowledged, so it comes again.
		}
		if read.Done != "" {
			isDone[read.Done] = true
		} else if json.Unmarshal(read.Event, &event) == nil {
			in.ids[event.ID] = true
			events = append(events, event)
		}
	}
	for _, event := range events {
		if isDone[event.ID] {
			done = append(done, event)
		} else {
			left = append(left, event)
		}
	}
	in.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return in, done, left, err
}

// keep returns once the event is on disk: false where it had been before.
func (in *inbox) keep(event Event, body []byte) (bool, error) {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	if in.ids[event.ID] {
		return false, nil
	}
	if err := in.append(entry{Event: body}); err != nil {
		return false, err
	}
	in.ids[event.ID] = true
	return true, nil
}

func (in *inbox) done(event Event) error {
	in.mutex.Lock()
	defer in.mutex.Unlock()
	return in.append(entry{Done: event.ID})
}

func (in *inbox) append(line entry) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := in.file.Write(append([]byte("\n"), text...)); err != nil {
		return err
	}
	return in.file.Sync()
}

// --- Work, in order --------------------------------------------------------------------------

type call struct {
	next       int
	early      map[int]Event
	waitsSince time.Time
}

// work gives events to handle one after the other, those of a call by their sequence. Where some
// never come, because the endpoint asked for certain types only, it goes on without them.
type work struct {
	inbox   *inbox
	calls   map[string]*call
	waiting map[string]*call

	mutex   sync.Mutex
	arrived []Event
	wake    chan struct{}
}

func newWork(in *inbox, done, left []Event) *work {
	w := &work{
		inbox:   in,
		calls:   map[string]*call{},
		waiting: map[string]*call{},
		arrived: left,
		wake:    make(chan struct{}, 1),
	}
	for _, event := range done {
		if event.Sequence != nil {
			_, c := w.call(event)
			c.next = max(c.next, *event.Sequence+1)
		}
	}
	w.wake <- struct{}{}
	return w
}

// add never waits: a slow handle must not hold up the answer.
func (w *work) add(event Event) {
	w.mutex.Lock()
	w.arrived = append(w.arrived, event)
	w.mutex.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *work) run() {
	ticker := time.NewTicker(time.Second)
	for {
		select {
		case <-w.wake:
		case <-ticker.C:
		}
		w.mutex.Lock()
		arrived := w.arrived
		w.arrived = nil
		w.mutex.Unlock()
		for _, event := range arrived {
			w.take(event)
		}
		for id, c := range w.waiting {
			if time.Since(c.waitsSince) > waitForEarlier {
				c.next = slices.Min(slices.Collect(maps.Keys(c.early)))
				w.release(id, c)
			}
		}
	}
}

func (w *work) take(event Event) {
	id, c := w.call(event)
	// Transcripts and events of no call have no place in the order; a latecomer has lost its own.
	if event.Sequence == nil || *event.Sequence < c.next {
		w.do(event)
		return
	}
	c.early[*event.Sequence] = event
	w.release(id, c)
}

func (w *work) call(event Event) (id string, found *call) {
	if event.CallID != nil {
		id = *event.CallID
	}
	if w.calls[id] == nil {
		w.calls[id] = &call{next: 1, early: map[int]Event{}}
	}
	return id, w.calls[id]
}

func (w *work) release(id string, c *call) {
	for event, found := c.early[c.next]; found; event, found = c.early[c.next] {
		w.do(event)
		delete(c.early, c.next)
		c.next++
	}
	c.waitsSince = time.Now()
	if len(c.early) > 0 {
		w.waiting[id] = c
	} else {
		delete(w.waiting, id)
	}
}

func (w *work) do(event Event) {
	err := handle(event)
	if err == nil {
		err = w.inbox.done(event)
	}
	if err != nil {
		log.Printf("%s is tried again at the next start: %v", event.ID, err)
	}
}

// --- Receive ---------------------------------------------------------------------------------

func receiver(secrets []secret, in *inbox, w *work) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodPost {
			response.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		// The raw bytes, before any JSON parser.
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, maxBodyBytes))
		if err != nil {
			response.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		if !isGenuine(secrets, request.Header, body) {
			response.WriteHeader(http.StatusUnauthorized)
			return
		}
		var event Event
		if err := json.Unmarshal(body, &event); err != nil {
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		isNew, err := in.keep(event, body)
		if err != nil {
			log.Print(err)
			response.WriteHeader(http.StatusInternalServerError) // Not kept: this brings it again.
			return
		}
		if isNew {
			w.add(event)
		}
		// Also for what came before: whoever sends it again wants to hear that it is here.
		response.WriteHeader(http.StatusOK)
	}
}

func main() {
	var secrets []secret // Two while a secret is replaced; the order does not matter.
	for _, name := range []string{"WEBHOOK_SECRET", "WEBHOOK_SECRET_PREVIOUS"} {
		if text := os.Getenv(name); text != "" {
			secret, err := newSecret(text)
			if err != nil {
				log.Fatalf("%s has no base64 behind whsec_.", name)
			}
			secrets = append(secrets, secret)
		}
	}
	if len(secrets) == 0 {
		log.Fatal("Set WEBHOOK_SECRET to the signing secret of the endpoint.")
	}
	in, done, left, err := openInbox(env("INBOX", "callwire-inbox.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	w := newWork(in, done, left)
	go w.run()
	listener, err := net.Listen("tcp", net.JoinHostPort(env("HOST", "127.0.0.1"), env("PORT", "3000")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := &http.Server{Handler: receiver(secrets, in, w), ReadTimeout: 15 * time.Second}
	log.Fatal(server.Serve(listener))
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
