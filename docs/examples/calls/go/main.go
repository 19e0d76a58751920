// Places a call, waits until it is over, lists calls, takes one back. Go 1.23 or newer, nothing to
// install:
//
//	API_KEY=… TO=+15550100001 KEY=lead-7-first-call go run main.go
//
// Run again with the same KEY it places nothing, and shows the same calls.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
)

var (
	url    = cmp.Or(os.Getenv("CALLWIRE_URL"), "http://127.0.0.1:8080")
	agent  = cmp.Or(os.Getenv("AGENT"), "receptionist")
	client = http.Client{Timeout: 10 * time.Second}
)

// NewCall is what POST /v1/calls takes; docs/calls.md has every key.
type NewCall struct {
	AgentID        string         `json:"agentId"`
	PhoneNumber    string         `json:"phoneNumber"`
	Metadata       map[string]any `json:"metadata,omitempty"`
	KnownConsent   bool           `json:"knownConsent"`
	ScheduledFor   string         `json:"scheduledFor,omitempty"`
	IdempotencyKey string         `json:"idempotencyKey"`
}

// Call is what is shown of one; docs/openapi.json has the rest.
type Call struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	EndReason string `json:"endReason"`
}

// Answer has a call, a list of them, or what is wrong, to decide by its code.
type Answer struct {
	Call  Call   `json:"call"`
	Calls []Call `json:"calls"`
	Error *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// request asks again for what passes by itself: the key makes that one call, however often it is asked.
func request(method, path string, body *NewCall) (Answer, error) {
	for attempt := 1; ; attempt++ {
		answer, wait, err := once(method, path, body)
		if wait == 0 || attempt == 5 {
			return answer, err
		}
		time.Sleep(max(wait, 500*time.Millisecond<<attempt))
	}
}

// once asks; the time to wait is 0 where asking again would change nothing.
func once(method, path string, body *NewCall) (answer Answer, wait time.Duration, err error) {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return answer, 0, err
		}
	}
	asked, err := http.NewRequest(method, url+path, &payload)
	if err != nil {
		return answer, 0, err
	}
	asked.Header.Set("Authorization", "Bearer "+os.Getenv("API_KEY"))
	if body != nil {
		asked.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(asked)
	if err != nil {
		return answer, time.Millisecond, err
	}
	defer response.Body.Close()
	if status := response.StatusCode; status == http.StatusTooManyRequests || status >= 500 {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		wait = max(time.Duration(seconds)*time.Second, time.Millisecond)
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return answer, wait, fmt.Errorf("%s: %w", response.Status, err)
	}
	if answer.Error != nil {
		err = errors.New(response.Status + " " + answer.Error.Code + ": " + answer.Error.Message)
	}
	return answer, wait, err
}

func main() {
	if err := run(os.Getenv("TO"), os.Getenv("KEY")); err != nil {
		log.Fatal(err)
	}
}

func run(to, key string) error {
	answer, err := request("POST", "/v1/calls", &NewCall{
		AgentID:        agent,
		PhoneNumber:    to,
		Metadata:       map[string]any{"lead": 7},
		KnownConsent:   true,
		IdempotencyKey: key,
	})
	if err != nil {
		return err
	}
	call := answer.Call
	fmt.Printf("placed %s\n", call.ID)

	// For a backend events are better (docs/webhooks.md): they come by themselves.
	for call.Status != "ended" {
		time.Sleep(time.Second)
		if answer, err = request("GET", "/v1/calls/"+call.ID, nil); err != nil {
			return err
		}
		call = answer.Call
	}
	fmt.Printf("ended %s: %s\n", call.ID, call.EndReason)

	if answer, err = request("GET", "/v1/calls?limit=5", nil); err != nil {
		return err
	}
	fmt.Printf("the newest of all is %s\n", answer.Calls[0].ID)

	// One for tomorrow, and not after all.
	answer, err = request("POST", "/v1/calls", &NewCall{
		AgentID:        agent,
		PhoneNumber:    to,
		KnownConsent:   true,
		ScheduledFor:   time.Now().UTC().AddDate(0, 0, 1).Format("2006-01-02") + "T18:00:00Z",
		IdempotencyKey: key + "-again",
	})
	if err != nil {
		return err
	}
	later := answer.Call.ID
	fmt.Printf("placed %s\n", later)
	if answer, err = request("POST", "/v1/calls/"+later+"/end", nil); err != nil {
		return err
	}
	fmt.Printf("ended %s: %s\n", later, answer.Call.EndReason)
	return nil
}
