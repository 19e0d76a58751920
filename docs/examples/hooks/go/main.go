// The backend of an agent: says at each call how it is, does its tools, hears of the end. Go 1.22 or
// newer, nothing to install:
//
//	HOOK_SECRET=… PORT=3000 go run main.go
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tolerance    = 300 * time.Second
	maxBodyBytes = 8 << 20 // An end hook has the whole transcript.
)

var secret = os.Getenv("HOOK_SECRET")

type object = map[string]any

// --- Your agent -------------------------------------------------------------------------------

type call struct {
	CallSid         string   `json:"callSid"`
	CallerNumber    *string  `json:"callerNumber"`
	Contact         contact  `json:"contact"`
	ToolName        string   `json:"toolName"`
	Arguments       object   `json:"arguments"`
	Metadata        object   `json:"metadata"`
	DurationSeconds int      `json:"durationSeconds"`
	Transcript      []object `json:"transcript"`
}

type contact struct {
	ID   *string `json:"id"`
	Name *string `json:"name"`
}

// The phone still rings: look up what you know of the caller, and be quick.
func start(c call, _ string) object {
	fmt.Println("start", c.CallSid)
	if c.CallerNumber == nil {
		return object{"reject": object{"reason": "withheld numbers are not answered"}}
	}
	name := "there"
	if c.Contact.Name != nil {
		name = *c.Contact.Name
	}
	return object{
		"systemPrompt": "You are the front desk of a storage company, on the phone. Keep your answers " +
			"short. Look dates up with check_availability; never invent one.",
		"greeting": "Hello " + name + ", which date would you like?",
		"tools": []object{{
			"type":        "function",
			"name":        "check_availability",
			"description": "How many units are free on a date.",
			"parameters": object{
				"type": "object",
				"properties": object{
					"date": object{"type": "string", "description": "As the caller says it."},
					"size": object{"type": "string", "enum": []string{"small", "large"}},
				},
				"required": []string{"date"},
			},
		}},
		"metadata": object{"customerId": c.Contact.ID},
	}
}

var (
	mutex sync.Mutex
	// By `Idempotency-Key`: a request that is made again has its effect once.
	results = map[string]object{}
)

// What you give back is told to the model. It may take seconds: the agent says that it is looking.
func tool(c call, key string) object {
	mutex.Lock()
	defer mutex.Unlock()
	if done, ok := results[key]; ok {
		return done
	}
	arguments, _ := json.Marshal(c.Arguments)
	fmt.Printf("tool %s %s %s\n", c.CallSid, c.ToolName, arguments)
	result := object{"result": object{"error": "there is no " + c.ToolName}}
	if c.ToolName == "check_availability" {
		result = object{"result": fmt.Sprintf("We have 3 units on %v.", c.Arguments["date"])}
	}
	results[key] = result
	return result
}

// Comes again until you answer 2xx, under the same `webhook-id`.
func end(c call, _ string) object {
	customer := c.Metadata["customerId"]
	if customer == nil {
		customer = "-"
	}
	fmt.Printf("end %s %ds %d lines, customer %v\n",
		c.CallSid, c.DurationSeconds, len(c.Transcript), customer)
	return object{}
}

// --- HTTP -------------------------------------------------------------------------------------

func hook(do func(c call, key string) object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
		if err != nil {
			answer(w, http.StatusRequestEntityTooLarge, object{"error": "too large"})
			return
		}
		if !isGenuine(r.Header, body) {
			answer(w, http.StatusUnauthorized, object{"error": "signature"})
			return
		}
		var c call
		if err := json.Unmarshal(body, &c); err != nil {
			answer(w, http.StatusBadRequest, object{"error": "no JSON"})
			return
		}
		answer(w, http.StatusOK, do(c, r.Header.Get("Idempotency-Key")))
	}
}

func answer(w http.ResponseWriter, status int, body object) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// body is the bytes as they came: JSON that is made anew has another signature.
func isGenuine(headers http.Header, body []byte) bool {
	id, timestamp := headers.Get("webhook-id"), headers.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil || time.Since(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	// Behind `whsec_` stands base64; any other secret is its own key.
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return false
		}
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, given := range strings.Fields(headers.Get("webhook-signature")) {
		if hmac.Equal([]byte(given), expected) {
			return true
		}
	}
	return false
}

func main() {
	if secret == "" {
		log.Fatal("HOOK_SECRET is not set: it is the secret that signs the hooks.")
	}
	http.HandleFunc("POST /calls/start", hook(start))
	http.HandleFunc("POST /calls/tool", hook(tool))
	http.HandleFunc("POST /calls/end", hook(end))
	listener, err := net.Listen("tcp", net.JoinHostPort(setting("HOST", "127.0.0.1"), setting("PORT", "3000")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
