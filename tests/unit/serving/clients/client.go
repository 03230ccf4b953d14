package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
)

func tell(answer *http.Response, err error) {
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	fmt.Println(answer.StatusCode)
}

func main() {
	url := os.Args[1]
	body, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	for n := 0; n < 3; n++ {
		tell(http.Post(url+"/v2/models/m/infer", "application/json", bytes.NewReader(body)))
	}
	tell(http.Get(url + "/v2/models/m"))
	tell(http.Post(url+"/v2/models/m/infer", "application/json", bytes.NewReader([]byte("{}"))))
}
